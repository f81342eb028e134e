import { type Columns, columnsOf } from './columns.ts';
import { ImportError } from './importError.ts';
import { chooseEncoding, type EncodingChoice, type ImportedFile, readLines } from './importedFile.ts';
import { parseRows, type Row } from './rows.ts';

/** The number of lines in which the header is looked for: an export may begin with notes, as LinkedIn's export does. */
const HEADER_WITHIN = 50;
const DELIMITERS = [',', ';', '\t', '|'];

/** A CSV file of contacts whose encoding and header are known. */
export interface CsvFile {
  columns: Columns;
  /** Gives the rows after the header, in the file's order. A row is read when the caller asks for the row. */
  rows(): AsyncGenerator<Row>;
  /** Gives the share of the file that `rows` has read, 0 to 1. */
  readShare(): number;
}

/**
 * Chooses the encoding of a file and finds the file's header. Throws an `ImportError` where the file is empty, is not
 * text in the encoding, or has no header.
 */
export async function openCsvFile(file: ImportedFile, choice: EncodingChoice = {}): Promise<CsvFile> {
  if (file.size === 0) {
    throw new ImportError(`${file.name} is empty. Export it again, and see that it has a header and rows.`);
  }
  const encoding = await chooseEncoding(file, choice);
  const header = findHeader(await readFirstLines(file, encoding));
  if (!header) {
    throw new ImportError(
      `${file.name} has no header that is understood in its first ${HEADER_WITHIN} lines. Put a line in front of its rows that names their columns, at least one of: Name, First Name, Last Name, Email.`,
    );
  }
  let bytesRead = 0;
  return {
    columns: header.columns,
    rows: () => readRows(header, readLines(file, { encoding, onRead: (bytes) => (bytesRead += bytes) })),
    readShare: () => bytesRead / file.size,
  };
}

async function readFirstLines(file: ImportedFile, encoding: string): Promise<string[]> {
  const first: string[] = [];
  for await (const lines of readLines(file, { encoding })) {
    first.push(...lines);
    if (first.length >= HEADER_WITHIN) break;
  }
  return first.slice(0, HEADER_WITHIN);
}

interface Header {
  columns: Columns;
  delimiter: string;
  /** The number of lines in the file before the first row. */
  lines: number;
}

/**
 * Finds the row with the most known columns, under any delimiter. Where several rows have as many, the first row
 * counts.
 */
function findHeader(lines: string[]): Header | undefined {
  let best: Header | undefined;
  for (const delimiter of DELIMITERS) {
    const { rows } = parseRows({ line: 1, lines, isEnd: true }, delimiter);
    rows.forEach((row, index) => {
      const columns = 'cells' in row ? columnsOf(row.cells) : undefined;
      if (!columns || (best && columns.byPart.size <= best.columns.byPart.size)) return;
      const next = rows[index + 1];
      best = { columns, delimiter, lines: next ? next.line - 1 : lines.length };
    });
  }
  return best;
}

async function* readRows({ lines: skipped, delimiter }: Header, blocks: AsyncGenerator<string[]>): AsyncGenerator<Row> {
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
