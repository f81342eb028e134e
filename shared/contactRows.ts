import { ContactInput, type UpsertResult } from './contacts.ts';
import { ERRORS, issuesOf } from './errors.ts';
import { standInName } from './standInName.ts';

/** A row that may be written. */
export interface UpsertRow {
  /** The row's place in the request. */
  index: number;
  input: ContactInput;
  /** The row gives no name: `input.name` is for a new contact, and an existing contact keeps its own name. */
  isNameGuess?: boolean;
}

/**
 * Checks rows one by one, so that a bad row fails alone. With `merge` a row may leave out its name: see
 * `standInName`.
 */
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

/** The row with a stand-in for its name; `undefined` for a row that gives a name, and for what is no object. */
function withName(contact: unknown): object | undefined {
  if (typeof contact !== 'object' || contact === null || 'name' in contact) return undefined;
  return { ...contact, name: standInName(contact as Record<string, unknown>) };
}
