import type { UpsertRow } from '../db/contactUpsert.ts';
import { ContactInput, type UpsertResult } from './contacts.ts';
import { ERRORS, issuesOf } from './errors.ts';

/** Judges rows one by one: those to write, and what is wrong with the others. To be merged, a row needs no name. */
export function judgeRows(contacts: readonly unknown[], merge = false): { rows: UpsertRow[]; failed: UpsertResult[] } {
  const rows: UpsertRow[] = [];
  const failed: UpsertResult[] = [];
  contacts.forEach((contact, index) => {
    const named = merge ? withName(contact) : undefined;
    const { success, data, error } = ContactInput.safeParse(named ?? contact);
    if (success) rows.push({ index, input: data, isNameGuess: named !== undefined });
    else failed.push({ index, outcome: 'failed', error: ERRORS.BAD_REQUEST.message, issues: issuesOf(error) });
  });
  return { rows, failed };
}

/** A row that gives no name, with what a contact can be called by instead; `undefined` for any other. */
function withName(contact: unknown): object | undefined {
  if (typeof contact !== 'object' || contact === null || 'name' in contact) return undefined;
  const { company, email, phone } = contact as Record<string, unknown>;
  return { ...contact, name: company ?? email ?? phone };
}
