import { ADDED_HEADERS, type Columns } from './columns.ts';

/** A row that was not imported. */
export interface FailedRow {
  line: number;
  reason: string;
  /** Empty where the row could not be split into cells. */
  cells: string[];
}

/** The header of the CSV file of failed rows: two columns of ours, then the columns of the imported file. */
export const failedHeader = ({ headers, added }: Columns) => toCsv([[...ADDED_HEADERS, ...headers.slice(added)]]);

export const failedRowsCsv = (rows: readonly FailedRow[]) =>
  toCsv(rows.map(({ line, reason, cells }) => [String(line), reason, ...cells]));

const toCsv = (rows: readonly (readonly string[])[]) => rows.map((cells) => `${cells.map(quote).join(',')}\n`).join('');

const quote = (cell: string) => (/[",;\t\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
