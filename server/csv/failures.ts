import { open, rm } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { ADDED_HEADERS } from './columns.ts';
import { CsvFileError } from './csvFileError.ts';

/** A row that was not imported, and why; no cells where they could not be told apart. */
export interface Failure {
  line: number;
  reason: string;
  cells: string[];
}

/** Where the failed rows of an import go. */
export interface FailuresFile {
  path: string;
  add(failures: Failure[]): Promise<void>;
  /** Leaves nothing behind where nothing failed. */
  close(): Promise<void>;
}

/**
 * Begins the CSV file of an import's failures, beside the imported one and in place of an earlier import's: the line
 * and reason of each, then the row itself, so that it can be mended there and that file imported.
 */
export async function createFailuresFile(importedFile: string, headers: string[]): Promise<FailuresFile> {
  const extension = extname(importedFile);
  const path = join(dirname(importedFile), `${basename(importedFile, extension)}.failed.csv`);
  const handle = await open(path, 'w', 0o600).catch((error: Error) => {
    throw new CsvFileError(
      `${path}, where rows that fail are put, cannot be written: ${error.message}. Copy the CSV file to a directory of yours, and import it there.`,
    );
  });
  let count = 0;
  return {
    path,
    async add(failures) {
      const rows = failures.map(({ line, reason, cells }) => [String(line), reason, ...cells]);
      if (count === 0 && rows.length > 0) rows.unshift([...ADDED_HEADERS, ...headers]);
      count += failures.length;
      await handle.appendFile(rows.map((row) => `${row.map(quote).join(',')}\n`).join(''));
    },
    async close() {
      await handle.close();
      if (count === 0) await rm(path, { force: true });
    },
  };
}

const quote = (cell: string) => (/[",;\t\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
