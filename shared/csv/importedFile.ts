import { ImportError } from './importError.ts';
import { ROW_SIZE } from './rows.ts';

/** A file to import, wherever its bytes are. */
export interface ImportedFile {
  /** How messages call the file, at the beginning of a sentence: its path, or `The file`. */
  name: string;
  /** Bytes. */
  size: number;
  /** All bytes of the file, in chunks. An import reads them several times. */
  read(): AsyncIterable<Uint8Array>;
}

export interface EncodingChoice {
  /** The encoding that a person names. By default a byte order mark decides; without a mark the file is UTF-8. */
  encoding?: string | undefined;
  /** The encoding of a file without a mark that turns out not to be UTF-8. By default such a file is refused. */
  fallback?: string;
  /** What a person can do beside saving the file anew. Ends the sentence `Save it as "CSV UTF-8"`. */
  remedy?: string;
}

/** The encoding of a file, tried on all of its bytes. */
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
    // TextDecoder throws a TypeError for bytes that are no text in its encoding.
    if (!(error instanceof TypeError)) throw error;
    if (fallback !== undefined && chosen === 'utf-8') return fallback;
    throw new ImportError(
      `${file.name} is not text in ${chosen.toUpperCase()} (after line ${line}). Save it as "CSV UTF-8"${remedy}.`,
    );
  }
}

/** The encoding that the byte order mark of a file tells; `utf-8` for a file without a mark. */
async function detectEncoding(file: ImportedFile): Promise<string> {
  for await (const [first, second] of file.read()) {
    if (first === 0xff && second === 0xfe) return 'utf-16le';
    if (first === 0xfe && second === 0xff) return 'utf-16be';
    break;
  }
  return 'utf-8';
}

/**
 * The lines of a file: of each chunk of bytes, the lines that it completes. A line ends in CR LF, LF or CR. Throws a
 * `TypeError` where the bytes are no text in `encoding`.
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
