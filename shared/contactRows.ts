import { type ContactInput, ContactRow, type UpsertResult } from './contacts.ts';
import { ERRORS, issuesOf } from './errors.ts';
import { standInName } from './standInName.ts';

/** A row of a request that has passed its check. */
export interface UpsertRow {
  /** The row's place in the request, from 0. */
  index: number;
  /** The contact to change. */
  id?: string | undefined;
  input: ContactInput;
  /**
   * True where the row gives no name. `input.name` then names a new contact; an existing contact keeps its own name.
   */
  isNameGuess?: boolean;
}

/**
 * Checks each row by itself, so that a bad row does not fail the other rows. With `merge` a row may leave out its name:
 * see `standInName`.
 */
export function judgeRows(contacts: readonly unknown[], merge = false): { rows: UpsertRow[]; failed: UpsertResult[] } {
  const rows: UpsertRow[] = [];
  const failed: UpsertResult[] = [];
  contacts.forEach((contact, index) => {
    const named = merge ? withName(contact) : undefined;
    const { success, data, error } = ContactRow.safeParse(named ?? contact);
    if (success) {
      const { id, ...input } = data;
      rows.push({ index, id, input, isNameGuess: named !== undefined });
    } else {
      const issues = issuesOf(error);
      // A stand-in repeats the fault of the field that it comes from. The row gave the field, and no name.
      const given = named ? issues.filter(({ path }) => path[0] !== 'name') : issues;
      failed.push({
        index,
        outcome: 'failed',
        error: ERRORS.BAD_REQUEST.message,
        issues: given.length > 0 ? given : issues,
      });
    }
  });
  return { rows, failed };
}

/**
 * Adds a stand-in for a missing name. Gives `undefined` for a row that gives a name, and for a value that is no object.
 */
function withName(contact: unknown): object | undefined {
  if (typeof contact !== 'object' || contact === null || 'name' in contact) return undefined;
  return { ...contact, name: standInName(contact as Record<string, unknown>) };
}
