import { type Columns, readHeader } from './columns.ts';
import { parseRows, ROW_SIZE, type Row } from './rows.ts';

/** Lines in which the header is looked for: exports may begin with notes. */
export const HEADER_WITHIN = 50;
const DELIMITERS = [',', ';', '\t', '|'];

/** A header, and where it stands. */
export interface Header {
  columns: Columns;
  delimiter: string;
  /** Lines of the file up to the first row. */
  lines: number;
}

/** The row of most known columns under any delimiter, the first one of equals. */
export function findHeader(lines: string[]): Header | undefined {
  let best: Header | undefined;
  for (const delimiter of DELIMITERS) {
    const { rows } = parseRows({ line: 1, lines, isEnd: true }, delimiter);
    rows.forEach((row, index) => {
      const columns = 'cells' in row ? readHeader(row.cells) : undefined;
      if (!columns || (best && columns.bySource.size <= best.columns.bySource.size)) return;
      best = { columns, delimiter, lines: 'cells' in row ? linesUpTo(rows[index + 1], lines) : 0 };
    });
  }
  return best;
}

/** The lines before a row; all of them where there is no such row. */
const linesUpTo = (row: Row | undefined, lines: string[]) => (row ? row.line - 1 : lines.length);

/** The rows after the header, in their order; reads as they are asked for. */
export async function* readRows(
  { lines: skipped, delimiter }: Header,
  blocks: AsyncGenerator<string[]>,
): AsyncGenerator<Row> {
  let line = 1;
  let pending: string[] = [];
  for await (const lines of blocks) {
    pending = pending.length === 0 ? lines : [...pending, ...lines];
    const before = Math.min(Math.max(skipped + 1 - line, 0), pending.length);
    pending = pending.slice(before);
    line += before;
    const { rows, rest } = parseRows({ line, lines: pending, isEnd: false }, delimiter);
    yield* rows;
    line += pending.length - rest.length;
    pending = rest;
  }
  yield* parseRows({ line, lines: pending, isEnd: true }, delimiter).rows;
}

/** A line is longer than any of a CSV file is. */
export class LineTooLong extends Error {
  override readonly name = 'LineTooLong';
}

/**
 * The lines of a text, as many at a time as a chunk of its bytes gives, whatever they end in (CR LF, LF, CR). Throws a
 * `TypeError` where the bytes are no text, and `LineTooLong`.
 */
export async function* toLines(
  chunks: AsyncIterable<Uint8Array>,
  decoder: TextDecoder,
  onRead: (bytes: number) => void = () => {},
): AsyncGenerator<string[]> {
  let rest = '';
  for await (const chunk of chunks) {
    onRead(chunk.length);
    // A CR at the end may be half of a CR LF.
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    if (rest.length > ROW_SIZE) throw new LineTooLong(`A line of more than ${ROW_SIZE} characters`);
    yield lines;
  }
  yield (rest + decoder.decode()).split(/\r\n|\n|\r/);
}

/** By the byte order mark. Without one text is UTF-8, or the file's user has to say. */
export function detectEncoding([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  return first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
}
