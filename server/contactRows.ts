import type { UpsertRow } from '../db/contactUpsert.ts';
import { ContactInput, type UpsertResult } from '../shared/contacts.ts';
import { ERRORS } from '../shared/errors.ts';
import { issuesOf } from './faults.ts';

/** Judges rows one by one: those to write, and what is wrong with the others. */
export function judgeRows(contacts: readonly unknown[]): { rows: UpsertRow[]; failed: UpsertResult[] } {
  const rows: UpsertRow[] = [];
  const failed: UpsertResult[] = [];
  contacts.forEach((contact, index) => {
    const { success, data, error } = ContactInput.safeParse(contact);
    if (success) rows.push({ index, input: data });
    else failed.push({ index, outcome: 'failed', error: ERRORS.BAD_REQUEST.message, issues: issuesOf(error) });
  });
  return { rows, failed };
}
