import type { UpsertRow } from '../../db/contactUpsert.ts';
import type { UpsertResult } from '../../shared/contacts.ts';
import { judgeRows } from '../contactRows.ts';
import type { Columns } from './columns.ts';
import { contactOf, type RowContact } from './contactOf.ts';
import type { Failure } from './failures.ts';
import type { Row } from './rows.ts';

/** The contacts of some rows, and the rows that are none, in the order of the file. */
export function judgeBatch(batch: Row[], columns: Columns): { rows: UpsertRow[]; failed: Failure[] } {
  const read = batch.map((row) => readRow(row, columns));
  const contacts = read.flatMap((one) => ('contact' in one ? [one] : []));
  const { rows, failed } = judgeRows(contacts.map(({ contact }) => contact.fields));
  const refused = failed.map((result): Failure => {
    const { line, cells } = contacts[result.index] as (typeof contacts)[number];
    return { line, cells, reason: reasonOf(result) };
  });
  const failures = [...read.flatMap((one) => ('reason' in one ? [one] : [])), ...refused];
  const guessed = rows.map((row) => ({ ...row, isNameGuess: contacts[row.index]?.contact.isNameGuess === true }));
  return { rows: guessed, failed: failures.sort((a, b) => a.line - b.line) };
}

function readRow(row: Row, columns: Columns): Failure | { line: number; cells: string[]; contact: RowContact } {
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

const reasonOf = (result: UpsertResult) =>
  'issues' in result ? result.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ') : '';
