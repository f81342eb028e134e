import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { detectEncoding, LineTooLong, toLines } from '../../../shared/csv/csvText.ts';
import { ROW_SIZE } from '../../../shared/csv/rows.ts';
import { CsvFileError } from './csvFileError.ts';

/** A text file that was found readable. */
export interface TextFile {
  path: string;
  /** Bytes. */
  size: number;
  encoding: string;
}

/** Looks at all of a file: is it one, and is it text in `encoding`, or else in UTF-8 or UTF-16? */
export async function checkTextFile(path: string, encoding: string | undefined): Promise<TextFile> {
  const { size, start } = await readStart(path);
  if (size === 0) throw new CsvFileError(`${path} is empty. Export it again, and see that it has a header and rows.`);
  const file: TextFile = { path, size, encoding: encoding ?? detectEncoding(start) };
  let line = 1;
  try {
    for await (const lines of readLines(file)) line += lines.length;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new CsvFileError(
      `${path} is not text in ${file.encoding.toUpperCase()} (after line ${line}). Save it as "CSV UTF-8", or name its encoding, such as --encoding windows-1252 (what Excel on Windows writes as plain CSV).`,
    );
  }
  return file;
}

async function readStart(path: string): Promise<{ size: number; start: Buffer }> {
  try {
    await using handle = await open(path);
    const stat = await handle.stat();
    if (!stat.isFile()) throw new CsvFileError(`${path} is not a file. Name a CSV file.`);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return { size: stat.size, start: buffer.subarray(0, bytesRead) };
  } catch (error) {
    if (error instanceof CsvFileError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new CsvFileError(`There is no file ${path}. Check its name and directory.`);
    if (code === 'EACCES')
      throw new CsvFileError(`${path} may not be read. Change its permissions, or run as its owner.`);
    throw new CsvFileError(`${path} cannot be read: ${message}.`);
  }
}

/**
 * The lines of a file, as many at a time as a read gives, whatever they end in (CR LF, LF, CR). Throws a `TypeError`
 * where the bytes are no text.
 */
export async function* readLines(
  { path, encoding }: TextFile,
  onRead?: (bytes: number) => void,
): AsyncGenerator<string[]> {
  const decoder = createDecoder(encoding);
  try {
    yield* toLines(createReadStream(path) as AsyncIterable<Buffer>, decoder, onRead);
  } catch (error) {
    if (!(error instanceof LineTooLong)) throw error;
    throw new CsvFileError(`${path} has a line of more than ${ROW_SIZE} characters: it is no CSV file.`);
  }
}

function createDecoder(encoding: string): TextDecoder {
  try {
    return new TextDecoder(encoding, { fatal: true });
  } catch {
    throw new CsvFileError(
      '--encoding is not one that is known. Leave it out, or name one such as utf-8, utf-16le or windows-1252.',
    );
  }
}
