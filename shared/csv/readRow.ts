import type { Columns } from './columns.ts';
import { contactOf, type RowContact } from './contactOf.ts';
import type { Row } from './rows.ts';

/** A row that was not imported, and why; no cells where they could not be told apart. */
export interface Failure {
  line: number;
  reason: string;
  cells: string[];
}

/** What a row says of a contact, or why it says nothing of one. */
export function readRow(row: Row, columns: Columns): Failure | { line: number; cells: string[]; contact: RowContact } {
  const { line } = row;
  if ('flaw' in row) return { line, cells: [], reason: row.flaw };
  const cells = row.cells.slice(columns.added);
  const width = columns.headers.length;
  if (row.cells.length < width || row.cells.slice(width).some((cell) => cell.trim() !== '')) {
    return { line, cells, reason: `The row has ${row.cells.length} cells, and the header has ${width}` };
  }
  const contact = contactOf(row.cells, columns);
  if (contact.fields.name !== undefined) return { line, cells, contact };
  return { line, cells, reason: 'The row has no name, and no company, email or phone to call the contact by' };
}

/** Why the service did not take a row. */
export const reasonOf = (issues: readonly { path: readonly (string | number)[]; message: string }[]) =>
  issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');

/** Rows of a CSV file: of failures, what is in front of the columns of the imported file. */
export const toFailureCells = ({ line, reason, cells }: Failure) => [String(line), reason, ...cells];
export const toCsv = (rows: readonly (readonly string[])[]) =>
  rows.map((cells) => `${cells.map(quote).join(',')}\n`).join('');

const quote = (cell: string) => (/[",;\t\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
