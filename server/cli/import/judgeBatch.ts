import { judgeRows, type UpsertRow } from '../../../shared/contactRows.ts';
import type { Columns } from '../../../shared/csv/columns.ts';
import { type Failure, readRow, reasonOf } from '../../../shared/csv/readRow.ts';
import type { Row } from '../../../shared/csv/rows.ts';

/** The contacts of some rows, and the rows that are none, in the order of the file. */
export function judgeBatch(batch: Row[], columns: Columns): { rows: UpsertRow[]; failed: Failure[] } {
  const read = batch.map((row) => readRow(row, columns));
  const contacts = read.flatMap((one) => ('contact' in one ? [one] : []));
  const { rows, failed } = judgeRows(contacts.map(({ contact }) => contact.fields));
  const refused = failed.map((result): Failure => {
    const { line, cells } = contacts[result.index] as (typeof contacts)[number];
    return { line, cells, reason: 'issues' in result ? reasonOf(result.issues) : '' };
  });
  const failures = [...read.flatMap((one) => ('reason' in one ? [one] : [])), ...refused];
  const guessed = rows.map((row) => ({ ...row, isNameGuess: contacts[row.index]?.contact.isNameGuess === true }));
  return { rows: guessed, failed: failures.sort((a, b) => a.line - b.line) };
}
