import type { Columns } from '../../../shared/csv/columns.ts';
import { findHeader, HEADER_WITHIN, readRows } from '../../../shared/csv/csvText.ts';
import type { Row } from '../../../shared/csv/rows.ts';
import { CsvFileError } from './csvFileError.ts';
import { checkTextFile, readLines, type TextFile } from './lines.ts';

/** A CSV file of contacts, its header understood. */
export interface CsvFile {
  columns: Columns;
  /** The rows after the header, in their order; reads as they are asked for. */
  rows(): AsyncGenerator<Row>;
  /** How much of it `rows` has read, 0 to 1. */
  readShare(): number;
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
