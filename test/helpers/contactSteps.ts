import { expect } from 'vitest';
import type { ContactInput } from '../../shared/contacts.ts';
import { mergePatch } from './mergePatch.ts';
import { asKept, BLANK, findHolders, listModel, type ModelList, onceInAll, writeModel } from './model.ts';
import type { ModelContact, ModelOrganization } from './modelRows.ts';
import type { Act, Target } from './operations.ts';
import { type Actor, type Expected, type Failure, findContact, pick, type Step } from './world.ts';

type ActOf<N extends Act['act']> = Extract<Act, { act: N }>;

/** The answer where other contacts have the emails: the answer names any of them. */
const taken = (holders: ModelContact[]): Expected => ({
  status: 409,
  error: 'Another contact has this email',
  details: { existingId: expect.toBeOneOf(holders.map(({ id }) => id)) },
});
const outdated = ({ version }: ModelContact): Expected => ({
  status: 412,
  error: 'The contact is not at the expected version',
  details: { currentVersion: version },
});
const isAbsence = (failure: Expected | undefined) =>
  failure !== undefined && 'status' in failure && failure.status === 404;
const ABSENT: Failure = { status: 404, error: 'There is no contact with this id' };
const deletedFailure = ({ deletedAt }: ModelContact): Expected => ({
  status: 404,
  error: 'The contact is deleted: restore it first',
  details: { deletedAt },
});

/** The contact that the fields make in an organization, without the id and the dates, which the service chooses. */
export const newContact = ({ id: organizationId }: ModelOrganization, fields: ContactInput) =>
  onceInAll({
    ...BLANK,
    ...asKept(fields),
    customFields: mergePatch({}, fields.customFields ?? {}),
    organizationId,
    version: 1,
    deletedAt: null,
  } as unknown as ModelContact);

/** Compares a new contact with the expected contact, and adds the new contact to the model. */
export function acceptNew(organization: ModelOrganization, expected: ModelContact, shown: ModelContact) {
  const { id, createdAt } = shown;
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(organization.contacts.map((contact) => contact.id)).not.toContain(id);
  expect(createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(shown).toEqual({ ...expected, id, createdAt, updatedAt: createdAt });
  organization.contacts.push(shown);
}

/** Compares a changed contact with the expected contact, and puts the changed contact into the model. */
export function acceptChange(organization: ModelOrganization, before: ModelContact, [expected, shown]: ModelContact[]) {
  if (!expected || !shown) throw new Error('Nothing to accept');
  const { updatedAt } = shown;
  const isChanged = expected.version !== before.version;
  const deletedAt = expected.deletedAt === NOW ? updatedAt : expected.deletedAt;
  expect(shown).toEqual({ ...expected, deletedAt, updatedAt: isChanged ? updatedAt : before.updatedAt });
  expect(updatedAt >= before.updatedAt, 'updatedAt goes back').toBe(true);
  organization.contacts[organization.contacts.indexOf(before)] = shown;
}

/** Stands in an expected contact for the time of the change. */
export const NOW = 'now';

/** The `expectedVersion` that a change sends: the row's version, a wrong version, or no version. */
const versionOf = (row: ModelContact | undefined, version: string) =>
  version === 'none' ? {} : { expectedVersion: (row?.version ?? 1) + (version === 'wrong' ? 1 : 0) };

const create = ({ organization }: Actor, { fields }: ActOf<'create'>): Step => ({
  procedure: 'contacts.create',
  scope: 'contacts:write',
  input: { ...fields },
  expected() {
    const holders = findHolders(organization.contacts, fields);
    if (holders.length > 0) return taken(holders);
    return { accept: (shown: ModelContact) => acceptNew(organization, newContact(organization, fields), shown) };
  },
});

/** A change of one contact. `change` answers with the contact as the change leaves the contact, or with a failure. */
function changing(
  actor: Actor,
  { procedure, target, input }: { procedure: string; target: Target; input(row?: ModelContact): object },
  change: (row: ModelContact) => ModelContact | Expected,
): Step {
  const { row, id, failure } = findContact(actor, target);
  return {
    procedure,
    scope: 'contacts:write',
    input: { id, ...input(row) },
    expected() {
      if (!row) return isAbsence(failure) ? ABSENT : (failure as Failure);
      const changed = change(row);
      if (!('id' in changed)) return changed;
      return { accept: (shown: ModelContact) => acceptChange(actor.organization, row, [changed, shown]) };
    },
  };
}

const update = (actor: Actor, { target, fields, version }: ActOf<'update'>) =>
  changing(
    actor,
    { procedure: 'contacts.update', target, input: (row) => ({ ...fields, ...versionOf(row, version) }) },
    (row) => {
      if (row.deletedAt !== null) return deletedFailure(row);
      if (version === 'wrong') return outdated(row);
      const holders = findHolders(actor.organization.contacts, fields, row.id);
      return holders.length > 0 ? taken(holders) : writeModel(row, fields);
    },
  );

const remove = (actor: Actor, { target, version }: ActOf<'delete'>) =>
  changing(actor, { procedure: 'contacts.delete', target, input: (row) => versionOf(row, version) }, (row) => {
    if (version === 'wrong') return outdated(row);
    return row.deletedAt === null ? { ...row, deletedAt: NOW, version: row.version + 1 } : row;
  });

const restore = (actor: Actor, { target }: ActOf<'restore'>) =>
  changing(actor, { procedure: 'contacts.restore', target, input: () => ({}) }, (row) => {
    if (row.deletedAt === null) return row;
    const holders = findHolders(actor.organization.contacts, row, row.id);
    return holders.length > 0 ? taken(holders) : { ...row, deletedAt: null, version: row.version + 1 };
  });

const get = (actor: Actor, { target }: ActOf<'get'>): Step => {
  const { row, id, failure } = findContact(actor, target);
  return {
    procedure: 'contacts.get',
    scope: 'contacts:read',
    input: { id },
    expected() {
      if (!row) return isAbsence(failure) ? ABSENT : (failure as Failure);
      if (row.deletedAt !== null) return deletedFailure(row);
      return { accept: (shown: ModelContact) => expect(shown).toEqual(row) };
    },
  };
};

/** The conditions as a call sends them: `since` becomes the time of the contact's last change. */
export function whereOf(organization: ModelOrganization, { since, ...list }: ActOf<'list'>['list']): ModelList {
  const moment = since === undefined ? undefined : pick(organization.contacts, since)?.updatedAt;
  const given = Object.fromEntries(Object.entries(list).filter(([, value]) => value !== undefined)) as ModelList;
  return { ...given, ...(moment !== undefined && { updatedSince: new Date(moment) }) };
}

/** One page of a list: the page at `from`, or the first page. `next` gets the cursor of the following page. */
export function listPage(
  { organization }: Actor,
  { list, limit }: ActOf<'list'>,
  { from, next }: { from: { cursor: string; place: number } | undefined; next(cursor: string, place: number): void },
): Step {
  const filter = whereOf(organization, list);
  const place = from?.place ?? 0;
  return {
    procedure: 'contacts.list',
    scope: 'contacts:read',
    input: { ...filter, limit, ...(from && { cursor: from.cursor }) },
    expected: () => ({
      accept({ items, nextCursor }: { items: ModelContact[]; nextCursor: string | null }) {
        const all = listModel(organization, filter);
        expect(items).toEqual(all.slice(place, place + limit));
        expect(nextCursor === null, `${all.length} contacts, ${place} before, ${limit} a page`).toBe(
          place + limit >= all.length,
        );
        if (nextCursor !== null) next(nextCursor, place + limit);
      },
    }),
  };
}

export const contactSteps = { create, update, delete: remove, restore, get };
