import { expect } from 'vitest';
import { caseless } from '../../shared/fold.ts';
import { acceptChange, NOW, whereOf } from './contactSteps.ts';
import { findHolders, listModel, onceEach, writeModel } from './model.ts';
import type { ModelContact } from './modelRows.ts';
import type { Act } from './operations.ts';
import type { Actor, Expected, Step } from './world.ts';

type UpdateMany = Extract<Act, { act: 'updateMany' }>;

/**
 * A change of many contacts. The answer has only ids. `touched` therefore gets, by id, a function that compares a contact
 * with the model; the caller reads each contact afterwards and passes the contact to its function.
 */
export function updateManyStep(
  { organization }: Actor,
  { list, change }: UpdateMany,
  touched: Map<string, (shown: ModelContact) => void>,
): Step {
  const where = whereOf(organization, list);
  const { set = {}, addTags, removeTags = [], ...deed } = change;

  const changed = (contact: ModelContact): ModelContact => {
    if (deed.delete) return { ...contact, deletedAt: NOW, version: contact.version + 1 };
    if (deed.restore) return { ...contact, deletedAt: null, version: contact.version + 1 };
    const isRemoved = (tag: string) => removeTags.some((removed) => caseless(removed) === caseless(tag));
    const tags = set.tags ?? onceEach([...contact.tags.filter((tag) => !isRemoved(tag)), ...(addTags ?? [])]);
    return writeModel(contact, { ...set, tags });
  };

  return {
    procedure: 'contacts.updateMany',
    scope: 'contacts:write',
    input: { where, ...change },
    expected(): Expected {
      // An organization without contacts has no time of a change to ask for.
      if (Object.keys(where).length === 0) return NO_CONDITION;
      const contacts = organization.contacts.filter(({ deletedAt }) => (deedIsRestore(deed) ? deletedAt : !deletedAt));
      const matched = listModel({ ...organization, contacts }, { ...where, includeDeleted: true });
      const restored = matched.map((contact) => ({ ...contact, deletedAt: null }));
      const isTaken = (contact: ModelContact) =>
        [organization.contacts, restored].some((others) => findHolders(others, contact, contact.id).length > 0);
      if (deedIsRestore(deed) && matched.some(isTaken)) {
        const details = { existingId: expect.any(String), id: expect.any(String) };
        return { status: 409, error: 'Another contact has this email', details };
      }
      return {
        accept(answer: unknown) {
          const updated = matched
            .map((before) => ({ before, after: changed(before) }))
            .filter(({ before, after }) => after.version !== before.version);
          const unchanged = matched.length - updated.length;
          const ids = updated.map(({ before }) => before.id).sort();
          expect(answer).toEqual({ matched: matched.length, updated: updated.length, unchanged, ids });
          for (const { before, after } of updated) {
            touched.set(before.id, (shown) => acceptChange(organization, before, [after, shown]));
          }
        },
      };
    },
  };
}

const NO_CONDITION: Expected = {
  status: 400,
  error: 'Invalid request',
  details: { issues: [{ path: ['where'], message: expect.stringContaining('at least one condition') }] },
};

const deedIsRestore = ({ restore }: { restore?: boolean }) => restore === true;
