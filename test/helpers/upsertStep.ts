import { expect } from 'vitest';
import { ContactRow } from '../../shared/contacts.ts';
import { linkedinKey } from '../../shared/linkedin.ts';
import { acceptChange, acceptNew, newContact } from './contactSteps.ts';
import { findHolders, type UpsertRow, whatAdds, writeRow } from './model.ts';
import type { ModelContact } from './modelRows.ts';
import type { ModelRow } from './operations.ts';
import { type Actor, findContact, type Step } from './world.ts';

interface Result {
  index: number;
  outcome: string;
  id: string;
  version: number;
}

/** A contact before the call (`undefined`: the call makes the contact) and after the rows so far. */
interface Touched {
  before: ModelContact | undefined;
  after: ModelContact;
}

const pageOf = ({ linkedinUrl }: { linkedinUrl?: string | null | undefined }) =>
  linkedinUrl ? linkedinKey(linkedinUrl) : null;

/** The contacts that a row names, or the reason why the row fails. */
function findNamed(all: Touched[], row: UpsertRow): Touched[] | 'absent' | 'deleted' {
  const byId = row.id === undefined ? undefined : all.find(({ after }) => after.id === row.id);
  if (row.id !== undefined && !byId) return 'absent';
  if (byId && byId.after.deletedAt !== null) return 'deleted';
  const holders = findHolders(
    all.map(({ after }) => after),
    row,
  );
  const named = all.filter((each) => each === byId || holders.includes(each.after));
  if (named.length > 0 || pageOf(row) === null) return named;
  return all.filter(({ after }) => after.deletedAt === null && pageOf(after) === pageOf(row));
}

/**
 * An upsert, with the answer that the model gives by writing row after row. The service's answer has only ids and
 * versions. `touched` therefore gets, by id, a function that compares a contact with the model; the caller reads each
 * contact afterwards and passes the contact to its function.
 */
export function upsertStep(
  actor: Actor,
  { rows, merge }: { rows: ModelRow[]; merge: boolean },
  touched: Map<string, (shown: ModelContact) => void>,
): Step {
  const { organization } = actor;
  const targets = rows.map(({ target }) => target && findContact(actor, target));
  const contacts = rows.map(({ fields }, index): UpsertRow => {
    const id = targets[index]?.id;
    return id === undefined ? fields : { ...fields, id };
  });
  const simulate = () => {
    const all: Touched[] = organization.contacts.map((contact) => ({ before: contact, after: contact }));
    return contacts.map((row) => {
      if (!ContactRow.safeParse(row).success) return { error: 'Invalid request' };
      const named = findNamed(all, row);
      if (named === 'absent') return { error: 'There is no contact with this id' };
      if (named === 'deleted') return { error: 'The contact is deleted: restore it first', isDeleted: true };
      const [change] = named;
      if (named.length > 1) return { error: 'The row fits several contacts: see details.ids', several: named };
      if (!change) {
        const { id: _, ...fields } = row;
        const customFields = merge ? whatAdds(fields.customFields ?? {}) : fields.customFields;
        const made = {
          before: undefined,
          after: newContact(organization, { ...fields, customFields } as typeof fields),
        };
        all.push(made);
        return { outcome: 'created', change: made, version: 1 };
      }
      const written = writeRow(change.after, row, merge);
      // A merge may find more than 20 others: the model's lists of addresses are shorter.
      const outcome = written.version === change.after.version ? 'unchanged' : 'updated';
      change.after = written;
      return { outcome, change, version: written.version };
    });
  };

  return {
    procedure: 'contacts.upsertMany',
    scope: 'contacts:write',
    input: { contacts, merge },
    expected() {
      const isValid = (index: number) => ContactRow.safeParse(contacts[index]).success;
      const foreign = targets.find((target, index) => target?.failure?.status === 403 && isValid(index));
      if (foreign?.failure) return foreign.failure;
      return { accept: ({ results }: { results: Result[] }) => accept(results) };
    },
  };

  function accept(results: Result[]) {
    const ids = new Map<Touched, string>();
    const idOf = (change: Touched) => change.before?.id ?? ids.get(change);
    simulate().forEach((expected, index) => {
      const { error, several, isDeleted, change, outcome, version } = expected as Partial<{
        [K in 'error' | 'outcome']: string;
      }> & { several?: Touched[]; isDeleted?: true; change?: Touched; version?: number };
      const result = results[index] as Result;
      if (!change) {
        const details = several
          ? {
              ids: expect.toSatisfy(
                (given: string[]) => String(given.toSorted()) === String(several.map(idOf).toSorted()),
              ),
            }
          : isDeleted && { deletedAt: expect.any(String) };
        expect(result).toEqual({
          index,
          outcome: 'failed',
          error,
          issues: [expect.any(Object)],
          ...(details && { details }),
        });
        return;
      }
      const id = idOf(change) ?? result.id;
      ids.set(change, id);
      expect(result).toEqual({ index, outcome, id, version });
    });
    expect(results).toHaveLength(rows.length);
    expect(new Set(ids.values()).size).toBe(ids.size);
    for (const [{ before, after }, id] of ids) {
      touched.set(id, (shown) =>
        before ? acceptChange(organization, before, [after, shown]) : acceptNew(organization, after, shown),
      );
    }
  }
}
