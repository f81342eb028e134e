import { trimBlanks } from './characters.ts';
import { ContactInput, ContactRow, type UpsertResult } from './contacts.ts';
import { ERRORS, type Issue, issuesOf } from './errors.ts';
import { isNothing, withoutNothing } from './mergePatch.ts';
import { type ServiceFields, splitFields } from './serviceFields.ts';
import { standInName } from './standInName.ts';

/** A row of a request that has passed its check. */
export interface UpsertRow {
  /** The row's place in the request, from 0. */
  index: number;
  input: ContactInput;
  /**
   * True where the row gives no name. `input.name` then names a new contact; an existing contact keeps its own name.
   */
  isNameGuess?: boolean;
  /** What the row has of the fields that the service sets: as the row's contact has them, or else the row fails. */
  service?: ServiceFields;
}

export type FailedRow = Extract<UpsertResult, { outcome: 'failed' }>;
export const failedRow = (index: number, issues: Issue[]): FailedRow => ({
  index,
  outcome: 'failed',
  error: ERRORS.BAD_REQUEST.message,
  issues,
});

/**
 * Checks each row by itself, so that a bad row does not fail the other rows. With `merge`, `null` and empty texts count as
 * left out, and so may the name be: see `standInName`.
 */
export function judgeRows(contacts: readonly unknown[], merge = false): { rows: UpsertRow[]; failed: FailedRow[] } {
  const rows: UpsertRow[] = [];
  const failed: FailedRow[] = [];
  contacts.forEach((contact, index) => {
    const given = merge ? withoutEmpty(contact) : contact;
    const named = merge ? withName(given) : undefined;
    const { success, data, error } = ContactRow.safeParse(named ?? given);
    if (success) {
      const { service, fields } = splitFields(data);
      rows.push({ index, input: merge ? onlyAdded(fields) : fields, isNameGuess: named !== undefined, service });
    } else {
      const issues = issuesOf(error);
      // A stand-in repeats the fault of the field that it comes from. The row gave the field, and no name.
      const others = named ? issues.filter(({ path }) => path[0] !== 'name') : issues;
      failed.push(failedRow(index, others.length > 0 ? others : issues));
    }
  });
  return { rows, failed };
}

/** The row without the fields of a contact that change nothing. A value that is no object stays as it is. */
function withoutEmpty(contact: unknown): unknown {
  if (typeof contact !== 'object' || contact === null || Array.isArray(contact)) return contact;
  const isEmpty = (value: unknown) =>
    value === undefined || isNothing(typeof value === 'string' ? trimBlanks(value) : value);
  return Object.fromEntries(
    Object.entries(contact).filter(([field, value]) => !(Object.hasOwn(ContactInput.shape, field) && isEmpty(value))),
  );
}

const onlyAdded = (input: ContactInput): ContactInput =>
  input.customFields === undefined ? input : { ...input, customFields: withoutNothing(input.customFields) };

/**
 * Adds a stand-in for a missing name. Gives `undefined` for a row that gives a name, and for a value that is no object.
 */
function withName(contact: unknown): object | undefined {
  if (typeof contact !== 'object' || contact === null || 'name' in contact) return undefined;
  return { ...contact, name: standInName(contact as Record<string, unknown>) };
}
