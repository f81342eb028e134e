import { parse } from 'csv-parse/sync';

/** Characters of a row at most, its line breaks included: what is read ahead for the end of a quoted cell. */
export const ROW_SIZE = 1_048_576;

/** A row, by the line that it begins on: its cells, or what is wrong with it. */
export type Row = { line: number; cells: string[] } | { line: number; flaw: string };

/** Lines with the number of the first one; `isEnd` where no more will follow. */
export interface Block {
  line: number;
  lines: string[];
  isEnd: boolean;
}

const UNCLOSED = 'A quote is out of place: a quoted cell begins here and is never closed';

/**
 * The rows of a block, and the lines at its end that are the beginning of one. Where quotes are out of place one line
 * fails, and the next is read as if it were not there: a missing quote does not cost the rest of a file.
 */
export function parseRows({ line, lines, isEnd }: Block, delimiter: string): { rows: Row[]; rest: string[] } {
  const rows: Row[] = [];
  let from = 0;
  let at = 0;
  const parseSingleLines = () =>
    rows.push(...parseLines({ line: line + from, lines: lines.slice(from, at) }, delimiter));
  while (at < lines.length) {
    const end = findEnd(lines, at);
    if (end === at + 1) {
      at = end;
      continue;
    }
    if (end === 'open' && !isEnd) break;
    parseSingleLines();
    const row: Row =
      typeof end === 'number'
        ? parseOne({ line: line + at, text: lines.slice(at, end).join('\n') }, delimiter)
        : { line: line + at, flaw: UNCLOSED };
    rows.push(row);
    at = typeof end === 'number' && 'cells' in row ? end : at + 1;
    from = at;
  }
  parseSingleLines();
  return { rows, rest: lines.slice(at) };
}

/** Where the row that begins at `at` ends: once its quotes are even in number, as quoted quotes are doubled. */
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

/** Rows of one line each: parsed all at once, or one by one where that fails. */
function parseLines({ line, lines }: { line: number; lines: string[] }, delimiter: string): Row[] {
  const written = lines.flatMap((text, index) => (text.trim() === '' ? [] : [{ line: line + index, text }]));
  try {
    const parsed = parseText(written.map(({ text }) => text).join('\n'), delimiter);
    return written.map(({ line: at }, index) => ({ line: at, cells: parsed[index] as string[] }));
  } catch {
    return written.map((one) => parseOne(one, delimiter));
  }
}

function parseOne({ line, text }: { line: number; text: string }, delimiter: string): Row {
  try {
    return { line, cells: parseText(text, delimiter)[0] ?? [] };
  } catch (error) {
    return { line, flaw: explain(error) };
  }
}

const parseText = (text: string, delimiter: string): string[][] =>
  parse(text, { delimiter, record_delimiter: '\n', relax_column_count: true });

function explain(error: unknown): string {
  const { code, message } = error as Error & { code?: string };
  if (code === 'CSV_INVALID_CLOSING_QUOTE') return 'A quote is out of place: text follows the end of a quoted cell';
  if (code === 'INVALID_OPENING_QUOTE') return 'A quote is out of place: it stands within a cell that is not quoted';
  return message;
}
