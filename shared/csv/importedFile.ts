import { ImportError } from './importError.ts';
import { ROW_SIZE } from './rows.ts';

/** A file to import, from a disk or from a browser. */
export interface ImportedFile {
  /** The name of the file at the beginning of a sentence in messages: the file's path, or `The file`. */
  name: string;
  /** Bytes. */
  size: number;
  /** Gives all bytes of the file, in chunks. An import reads the file several times. */
  read(): AsyncIterable<Uint8Array>;
}

export interface EncodingChoice {
  /** The encoding that a person names. By default a byte order mark decides; a file without a mark is UTF-8. */
  encoding?: string | undefined;
  /** The encoding of a file without a mark that is not UTF-8. By default the file is refused. */
  fallback?: string;
  /** A remedy other than saving the file anew. Continues the sentence `Save it as "CSV UTF-8"`. */
  remedy?: string;
}

/**
 * Chooses the encoding of a file, and checks all bytes of the file against the encoding. Throws an `ImportError` where
 * the file is not text in the encoding and no fallback is given.
 */
export async function chooseEncoding(
  file: ImportedFile,
  { encoding, fallback, remedy = '' }: EncodingChoice,
): Promise<string> {
  const chosen = encoding ?? (await detectEncoding(file));
  let line = 1;
  try {
    for await (const lines of readLines(file, { encoding: chosen })) line += lines.length;
    return chosen;
  } catch (error) {
    // TextDecoder throws a TypeError for bytes that are not text in its encoding.
    if (!(error instanceof TypeError)) throw error;
    if (fallback !== undefined && chosen === 'utf-8') return fallback;
    throw new ImportError(
      `${file.name} is not text in ${chosen.toUpperCase()} (after line ${line}). Save it as "CSV UTF-8"${remedy}.`,
    );
  }
}

/** Reads the encoding from a file's byte order mark. Gives `utf-8` for a file without a mark. */
async function detectEncoding(file: ImportedFile): Promise<string> {
  for await (const [first, second] of file.read()) {
    if (first === 0xff && second === 0xfe) return 'utf-16le';
    if (first === 0xfe && second === 0xff) return 'utf-16be';
    break;
  }
  return 'utf-8';
}

/**
 * Reads the lines of a file. Each array holds the lines whose end is in the same chunk of bytes. A line ends in CR LF,
 * LF or CR. Throws a `TypeError` where the bytes are not text in `encoding`, and an `ImportError` where a line has more
 * than `ROW_SIZE` characters.
 */
export async function* readLines(
  file: ImportedFile,
  { encoding, onRead }: { encoding: string; onRead?: (bytes: number) => void },
): AsyncGenerator<string[]> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  let rest = '';
  for await (const chunk of file.read()) {
    onRead?.(chunk.length);
    // A CR at the end of a chunk may be the first half of a CR LF.
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    if (rest.length > ROW_SIZE) {
      throw new ImportError(`${file.name} has a line of more than ${ROW_SIZE} characters: this is no CSV file.`);
    }
    yield lines;
  }
  yield (rest + decoder.decode()).split(/\r\n|\n|\r/);
}
