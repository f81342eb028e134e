import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type CsvFile, openCsvFile } from '../../../shared/csv/csvFile.ts';
import { ImportError } from '../../../shared/csv/importError.ts';
import type { ImportedFile } from '../../../shared/csv/importedFile.ts';

/**
 * Opens the CSV file at a path, in the encoding that the operator names. Throws an `ImportError` where the file cannot
 * be read or the encoding is unknown, and for the reasons of `openCsvFile`.
 */
export async function openCsvFileAt(path: string, encoding: string | undefined): Promise<CsvFile> {
  const file = await findFile(path);
  if (encoding !== undefined) checkEncoding(encoding);
  return await openCsvFile(file, {
    encoding,
    remedy: ', or name its encoding, such as --encoding windows-1252 (what Excel on Windows writes as plain CSV)',
  });
}

async function findFile(path: string): Promise<ImportedFile> {
  await using handle = await openForReading(path);
  const stat = await handle.stat();
  if (!stat.isFile()) throw new ImportError(`${path} is not a file. Name a CSV file.`);
  return { name: path, size: stat.size, read: () => createReadStream(path) };
}

async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new ImportError(`There is no file ${path}. Check its name and directory.`);
    if (code === 'EACCES') {
      throw new ImportError(`${path} may not be read. Change its permissions, or run as its owner.`);
    }
    throw new ImportError(`${path} cannot be read: ${message}.`);
  }
}

function checkEncoding(encoding: string): void {
  try {
    new TextDecoder(encoding, { fatal: true });
  } catch {
    throw new ImportError(
      '--encoding is not one that is known. Leave it out, or name one such as utf-8, utf-16le or windows-1252.',
    );
  }
}
