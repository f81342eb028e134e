import { expect } from 'vitest';
import { type ContactInput, ContactInput as Schema } from '../../shared/contacts.ts';
import { acceptChange, acceptNew, newContact } from './contactSteps.ts';
import { findHolder, writeModel } from './model.ts';
import type { ModelContact } from './modelRows.ts';
import type { Actor, Step } from './world.ts';

interface Result {
  index: number;
  outcome: string;
  id: string;
  version: number;
}

/** A contact that a call touches, before the call (`undefined`: the call makes the contact) and after the call. */
interface Touched {
  before: ModelContact | undefined;
  after: ModelContact;
}

/**
 * An upsert, with the answer that the model gives by writing row after row. The service's answer has only ids and
 * versions. `touched` therefore gets, by id, a function that compares a contact with the model; the caller reads each
 * contact afterwards and passes the contact to its function.
 */
export function upsertStep(
  { organization }: Actor,
  rows: ContactInput[],
  touched: Map<string, (shown: ModelContact) => void>,
): Step {
  const simulate = () => {
    const changes: Touched[] = [];
    const outcomes = rows.map((row) => {
      if (!Schema.safeParse(row).success) return { outcome: 'failed' };
      const known = changes.find(({ after }) => findHolder({ ...organization, contacts: [after] }, row.email));
      const held = known ? undefined : findHolder(organization, row.email);
      const change: Touched = known ?? { before: held, after: held ?? newContact(organization, row) };
      if (!known) changes.push(change);
      if (!known && !held) return { outcome: 'created', change, version: 1 };
      const written = writeModel(change.after, row);
      const outcome = written.version === change.after.version ? 'unchanged' : 'updated';
      change.after = written;
      return { outcome, change, version: written.version };
    });
    return outcomes;
  };

  return {
    procedure: 'contacts.upsertMany',
    scope: 'contacts:write',
    input: { contacts: rows },
    expected: () => ({
      accept({ results }: { results: Result[] }) {
        const outcomes = simulate();
        const ids = new Map<Touched, string>();
        outcomes.forEach(({ outcome, change, version }, index) => {
          const result = results[index] as Result;
          if (!change) {
            expect(result).toEqual({ index, outcome, error: 'Invalid request', issues: [expect.any(Object)] });
            return;
          }
          const id = ids.get(change) ?? change.before?.id ?? result.id;
          ids.set(change, id);
          expect(result).toEqual({ index, outcome, id, version });
        });
        expect(results).toHaveLength(rows.length);
        expect(new Set(ids.values()).size).toBe(ids.size);
        for (const [{ before, after }, id] of ids) {
          touched.set(id, (shown) =>
            before ? acceptChange(organization, before, [after, shown]) : acceptUpserted(after, shown),
          );
        }
      },
    }),
  };

  function acceptUpserted(after: ModelContact, shown: ModelContact) {
    acceptNew(organization, after, shown);
  }
}
