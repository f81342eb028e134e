import { type Columns, readHeader } from './columns.ts';
import { CsvFileError } from './csvFileError.ts';
import { checkTextFile, readLines, type TextFile } from './lines.ts';
import { parseRows, type Row } from './rows.ts';

/** A CSV file of contacts, its header understood. */
export interface CsvFile {
  columns: Columns;
  /** The rows after the header, in their order; reads as they are asked for. */
  rows(): AsyncGenerator<Row>;
  /** How much of it `rows` has read, 0 to 1. */
  readShare(): number;
}

/** Lines in which the header is looked for: exports may begin with notes. */
const HEADER_WITHIN = 50;
const DELIMITERS = [',', ';', '\t', '|'];

interface Header {
  columns: Columns;
  delimiter: string;
  /** Lines of the file up to the first row. */
  lines: number;
}

/** Opens a file and finds its header. Throws a `CsvFileError` for one that cannot be imported. */
export async function openCsvFile(path: string, encoding: string | undefined): Promise<CsvFile> {
  const file = await checkTextFile(path, encoding);
  const header = findHeader(await readFirstLines(file));
  if (!header) {
    throw new CsvFileError(
      `${path} has no header that is understood in its first ${HEADER_WITHIN} lines. Put a line in front of its rows that names their columns, at least one of: Name, First Name, Last Name, Email.`,
    );
  }
  let bytesRead = 0;
  return {
    columns: header.columns,
    rows: () =>
      readRows(
        header,
        readLines(file, (bytes) => (bytesRead += bytes)),
      ),
    readShare: () => bytesRead / file.size,
  };
}

async function readFirstLines(file: TextFile): Promise<string[]> {
  const first: string[] = [];
  for await (const lines of readLines(file)) {
    first.push(...lines);
    if (first.length >= HEADER_WITHIN) break;
  }
  return first.slice(0, HEADER_WITHIN);
}

/** The row of most known columns under any delimiter, the first one of equals. */
function findHeader(lines: string[]): Header | undefined {
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
