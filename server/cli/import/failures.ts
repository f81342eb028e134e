import { type FileHandle, open, rm } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { ADDED_HEADERS } from '../../../shared/csv/columns.ts';
import { type Failure, toCsv, toFailureCells } from '../../../shared/csv/readRow.ts';
import { CsvFileError } from './csvFileError.ts';

/** Where the failed rows of an import go. */
export interface FailuresFile {
  path: string;
  add(failures: Failure[]): Promise<void>;
  /** Leaves nothing behind where nothing failed. */
  close(): Promise<void>;
}

/**
 * Begins the CSV file of an import's failures, beside the imported one: the line and reason of each, then the row itself,
 * so that it can be mended there and that file imported. No file that is there already is written over.
 */
export async function createFailuresFile(importedFile: string, headers: string[]): Promise<FailuresFile> {
  const base = join(dirname(importedFile), basename(importedFile, extname(importedFile)));
  const { path, handle } = await openFree(base);
  let count = 0;
  return {
    path,
    async add(failures) {
      const rows = failures.map(toFailureCells);
      if (count === 0 && rows.length > 0) rows.unshift([...ADDED_HEADERS, ...headers]);
      count += failures.length;
      await handle.appendFile(toCsv(rows));
    },
    async close() {
      await handle.close();
      if (count === 0) await rm(path, { force: true });
    },
  };
}

/** Opens the first of `BASE.failed.csv`, `BASE.failed-2.csv` and so on that is not there yet. */
async function openFree(base: string): Promise<{ path: string; handle: FileHandle }> {
  for (let number = 1; ; number++) {
    const path = `${base}.failed${number === 1 ? '' : `-${number}`}.csv`;
    try {
      return { path, handle: await open(path, 'wx', 0o600) };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') continue;
      throw new CsvFileError(
        `${path}, where rows that fail are put, cannot be written: ${message}. Copy the CSV file to a directory of yours, and import it there.`,
      );
    }
  }
}
