import { parse } from 'csv-parse/sync';

/**
 * The largest number of characters in a row, line breaks included. The end of a quoted cell is not looked for beyond
 * this limit.
 */
export const ROW_SIZE = 1_048_576;

/** A row, with the number of its first line: the row's cells, or the reason why the row cannot be split into cells. */
export type Row = { line: number; cells: string[] } | { line: number; flaw: string };

/** Lines that follow one another in a file. */
export interface Block {
  /** The number of the first line. */
  line: number;
  lines: string[];
  /** True where the file ends with this block. */
  isEnd: boolean;
}

const UNCLOSED = 'A quote is out of place: a quoted cell begins here and is never closed';

/**
 * Parses the rows of a block. `rest` is the lines at the block's end that begin a row and do not end the row. Where a
 * quote is out of place, only the line where the row begins fails, and the next line begins a new row: a missing quote
 * does not cost the rest of a file.
 */
export function parseRows({ line, lines, isEnd }: Block, delimiter: string): { rows: Row[]; rest: string[] } {
  const rows: Row[] = [];
  let from = 0;
  let at = 0;
  const takeSingleLines = () =>
    rows.push(...parseSingleLines({ line: line + from, lines: lines.slice(from, at) }, delimiter));
  while (at < lines.length) {
    const end = findEnd(lines, at);
    if (end === at + 1) {
      at = end;
      continue;
    }
    if (end === 'open' && !isEnd) break;
    takeSingleLines();
    const row: Row =
      typeof end === 'number'
        ? parseRow({ line: line + at, text: lines.slice(at, end).join('\n') }, delimiter)
        : { line: line + at, flaw: UNCLOSED };
    rows.push(row);
    at = typeof end === 'number' && 'cells' in row ? end : at + 1;
    from = at;
  }
  takeSingleLines();
  return { rows, rest: lines.slice(at) };
}

/**
 * Finds the index of the line after the row that begins at `at`. A row ends with the line that makes the number of
 * quotes even, because a quote within a quoted cell is written twice. `open`: the lines end before the row does.
 */
function findEnd(lines: string[], at: number): number | 'open' | 'tooLong' {
  let isQuoted = false;
  let size = 0;
  for (let end = at; end < lines.length; end++) {
    const text = lines[end] as string;
    for (let quote = text.indexOf('"'); quote >= 0; quote = text.indexOf('"', quote + 1)) isQuoted = !isQuoted;
    if (!isQuoted) return end + 1;
    size += text.length + 1;
    if (size > ROW_SIZE) return 'tooLong';
  }
  return 'open';
}

/**
 * Parses rows of a single line each. The lines are parsed together, which is faster. Where a line has a flaw, each line
 * is parsed alone.
 */
function parseSingleLines({ line, lines }: { line: number; lines: string[] }, delimiter: string): Row[] {
  const written = lines.flatMap((text, index) => (text.trim() === '' ? [] : [{ line: line + index, text }]));
  try {
    const parsed = parseCsv(written.map(({ text }) => text).join('\n'), delimiter);
    return written.map(({ line: at }, index) => ({ line: at, cells: parsed[index] as string[] }));
  } catch {
    return written.map((single) => parseRow(single, delimiter));
  }
}

function parseRow({ line, text }: { line: number; text: string }, delimiter: string): Row {
  try {
    return { line, cells: parseCsv(text, delimiter)[0] ?? [] };
  } catch (error) {
    return { line, flaw: flawOf(error) };
  }
}

const parseCsv = (text: string, delimiter: string): string[][] =>
  parse(text, { delimiter, record_delimiter: '\n', relax_column_count: true });

/** Describes the flaw that csv-parse found, in words for the file's owner. */
function flawOf(error: unknown): string {
  const { code, message } = error as Error & { code?: string };
  if (code === 'CSV_INVALID_CLOSING_QUOTE') return 'A quote is out of place: text follows the end of a quoted cell';
  if (code === 'INVALID_OPENING_QUOTE') return 'A quote is out of place: it stands within a cell that is not quoted';
  return message;
}
