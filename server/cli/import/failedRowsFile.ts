import { type FileHandle, open, rm } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { ImportError } from '../../../shared/csv/importError.ts';

/** The CSV file that receives the failed rows of an import. */
export interface FailedRowsFile {
  path: string;
  append(csv: string): Promise<void>;
  /** Closes the file. Deletes the file where no row failed. */
  close(): Promise<void>;
}

/**
 * Creates the file of failed rows beside the imported file: `contacts.failed.csv` for `contacts.csv`. The file is
 * created before the first row is written, so that a directory that takes no file stops the import at its beginning.
 * Throws an `ImportError` where the file cannot be created.
 */
export async function createFailedRowsFile(importedFile: string): Promise<FailedRowsFile> {
  const base = join(dirname(importedFile), basename(importedFile, extname(importedFile)));
  const { path, handle } = await createFree(base);
  let isEmpty = true;
  return {
    path,
    async append(csv) {
      isEmpty = false;
      await handle.appendFile(csv);
    },
    async close() {
      await handle.close();
      if (isEmpty) await rm(path, { force: true });
    },
  };
}

/**
 * Creates the first file of `BASE.failed.csv`, `BASE.failed-2.csv` and so on that does not exist yet. No file is
 * overwritten.
 */
async function createFree(base: string): Promise<{ path: string; handle: FileHandle }> {
  for (let number = 1; ; number++) {
    const path = `${base}.failed${number === 1 ? '' : `-${number}`}.csv`;
    try {
      return { path, handle: await open(path, 'wx', 0o600) };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') continue;
      throw new ImportError(
        `${path}, where rows that fail are put, cannot be written: ${message}. Copy the CSV file to a directory of yours, and import it there.`,
      );
    }
  }
}
