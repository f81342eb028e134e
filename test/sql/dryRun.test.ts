import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLastUse } from '../../server/auth/lastUse.ts';
import { objectOf } from '../../server/doors/schemas.ts';
import { procedures } from '../../server/procedures/call.ts';
import { addMember, signedIn } from '../helpers/browser.ts';
import { call, type DoorRequest, type Input, readAnswer, requestsOf } from '../helpers/doors.ts';
import { readTables } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const NONE = '01890000-0000-7000-8000-000000000000';
/** Milliseconds: `setTimeout` takes no more. */
const LONGEST_TIMER = 2 ** 31 - 1;
let app: TestApp;
beforeAll(async () => {
  app = await testApp({ isAlone: true });
  // A flush alone records uses: a timer would write the time of a use between two reads of the tables.
  app.deps.lastUse = createLastUse({ db: app.db, log: app.deps.log, interval: LONGEST_TIMER });
});
afterAll(() => app[Symbol.asyncDispose]());

let made = 0;
const contacts = (key = app.one.key) => app.trpc(key).contacts;
/** Makes a contact, and gives the contact. */
const contact = async (more: { email?: string; tags?: string[] } = {}) =>
  await contacts().create.mutate({ name: `Contact ${++made}`, ...more });
const deleted = async (more: { email?: string } = {}) => contacts().delete.mutate({ id: (await contact(more)).id });
const newEmail = () => `dry${++made}@example.com`;

/** A call, made first as a dry run, and then for real with the same input. */
interface Trial {
  procedure: string;
  /** Makes the rows that the call needs. Gives its input, and its key where the key is not the organization's first. */
  prepare(): Promise<{ input: Input; key?: string }>;
  status: number;
  changesNothing?: true;
}

const TRIALS: Record<string, Trial> = {
  'a new contact': {
    procedure: 'contacts.create',
    prepare: async () => ({ input: { name: 'Ada', email: newEmail(), tags: ['a'], customFields: { b: 1 } } }),
    status: 201,
  },
  'a contact whose email is taken': {
    procedure: 'contacts.create',
    prepare: async () => ({ input: { name: 'Ada', email: (await contact({ email: newEmail() })).email } }),
    status: 409,
  },
  'a contact without a name': {
    procedure: 'contacts.create',
    prepare: async () => ({ input: { name: '' } }),
    status: 400,
  },
  'a contact, by a key that only reads': {
    procedure: 'contacts.create',
    prepare: async () => ({
      input: { name: 'Ada' },
      key: (await app.issue(app.one.id, { scopes: ['contacts:read'] })).key,
    }),
    status: 403,
  },
  'a change': {
    procedure: 'contacts.update',
    prepare: async () => ({ input: { id: (await contact()).id, notes: 'changed', expectedVersion: 1 } }),
    status: 200,
  },
  'a change that changes nothing': {
    procedure: 'contacts.update',
    prepare: async () => ({ input: { id: (await contact()).id, notes: null } }),
    status: 200,
    changesNothing: true,
  },
  'a change at another version': {
    procedure: 'contacts.update',
    prepare: async () => ({ input: { id: (await contact()).id, notes: 'changed', expectedVersion: 2 } }),
    status: 412,
  },
  'a change to an email that is taken': {
    procedure: 'contacts.update',
    prepare: async () => ({
      input: { id: (await contact()).id, email: (await contact({ email: newEmail() })).email },
    }),
    status: 409,
  },
  'a change of a contact that there is not': {
    procedure: 'contacts.update',
    prepare: async () => ({ input: { id: NONE, notes: 'changed' } }),
    status: 404,
  },
  'a change of another organization’s contact': {
    procedure: 'contacts.update',
    prepare: async () => ({
      input: { id: (await contacts(app.other.key).create.mutate({ name: 'Theirs' })).id, notes: 'changed' },
    }),
    status: 403,
  },
  'a deletion': {
    procedure: 'contacts.delete',
    prepare: async () => ({ input: { id: (await contact()).id } }),
    status: 200,
  },
  'a deletion at another version': {
    procedure: 'contacts.delete',
    prepare: async () => ({ input: { id: (await contact()).id, expectedVersion: 7 } }),
    status: 412,
  },
  'a restoration': {
    procedure: 'contacts.restore',
    prepare: async () => ({ input: { id: (await deleted()).id } }),
    status: 200,
  },
  'a restoration whose email was taken meanwhile': {
    procedure: 'contacts.restore',
    async prepare() {
      const email = newEmail();
      const { id } = await deleted({ email });
      await contact({ email });
      return { input: { id } };
    },
    status: 409,
  },
  'an upsert': {
    procedure: 'contacts.upsertMany',
    async prepare() {
      const [email, twice] = [newEmail(), newEmail()];
      const same = await contact({ email: newEmail() });
      await contact({ email });
      const rows = [
        { name: 'New' },
        { name: 'Changed', email },
        { name: same.name, email: same.email },
        { name: '' },
        { name: 'First', email: twice },
        { name: 'Second', email: twice },
      ];
      return { input: { contacts: rows } };
    },
    status: 200,
  },
  'the revocation of a key': {
    procedure: 'keys.revoke',
    async prepare() {
      const { key, apiKey } = await app.issue(app.one.id);
      await app.trpc(key).organization.current.query();
      return { input: { id: apiKey.id } };
    },
    status: 200,
  },
  'the revocation of a key with its descendants': {
    procedure: 'keys.revoke',
    async prepare() {
      const issuer = await app.issue(app.one.id, { scopes: ['keys:manage'] });
      await app.trpc(issuer.key).keys.issue.mutate({ name: 'descendant', scopes: ['keys:manage'] });
      return { input: { id: issuer.apiKey.id } };
    },
    status: 200,
  },
  'the revocation of a key whose descendants are kept': {
    procedure: 'keys.revoke',
    async prepare() {
      const issuer = await app.issue(app.one.id, { scopes: ['keys:manage'] });
      await app.trpc(issuer.key).keys.issue.mutate({ name: 'descendant', scopes: ['keys:manage'] });
      return { input: { id: issuer.apiKey.id, descendants: 'keep' } };
    },
    status: 200,
  },
  'the revocation of the key that calls': {
    procedure: 'keys.revoke',
    async prepare() {
      const { key, apiKey } = await app.issue(app.one.id, { scopes: ['contacts:read'] });
      return { input: { id: apiKey.id }, key };
    },
    status: 200,
  },
  'the end of the token that calls': {
    procedure: 'keys.revoke',
    async prepare() {
      const { token } = await app.trpc(app.one.key).keys.mintToken.mutate({ expiresInMinutes: 5 });
      return { input: { id: 'current' }, key: token };
    },
    status: 200,
  },
};

/** An answer without what differs between two calls: times, and the ids of contacts that the call makes. */
const settled = (answer: object, isNew: boolean) =>
  JSON.parse(
    JSON.stringify(answer)
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, 'instant')
      .replaceAll(/"lastUsedAt":(null|"instant")/g, '"lastUsedAt":"instant"')
      .replaceAll(isNew ? /"id":"[^"]+"/g : /$^/g, '"id":"id"'),
  );

/** The request that calls a procedure through a door; the dry run's over REST has its flag in the query. */
function requestFor(
  door: 'tRPC' | 'REST',
  { procedure, input, isDry }: { procedure: string; input: Input; isDry: boolean },
) {
  const [overTrpc, overRest] = requestsOf(procedure, door === 'tRPC' && isDry ? { ...input, dryRun: true } : input);
  const request = (door === 'tRPC' ? overTrpc : overRest) as DoorRequest;
  if (door === 'tRPC' || !isDry) return request;
  return { ...request, path: `${request.path}${request.path.includes('?') ? '&' : '?'}dryRun=true` };
}

describe.each(['tRPC', 'REST'] as const)('over %s', (door) => {
  test.each(Object.entries(TRIALS))('A dry run answers as the call does, and writes nothing: %s', async (_, trial) => {
    const { procedure, prepare, status, changesNothing = status >= 300 } = trial;
    const { input, key = app.one.key } = await prepare();
    // The first use of a key is recorded at once. A call before leaves the dry run no use to record.
    await app.trpc(key).organization.current.query();
    await app.deps.lastUse.flush();
    const dry = requestFor(door, { procedure, input, isDry: true });
    const real = requestFor(door, { procedure, input, isDry: false });
    const before = await readTables(app);
    const answer = await call(app, key, dry);
    expect(await readTables(app)).toEqual(before);
    expect(answer.status).toBe(door === 'tRPC' && status === 201 ? 200 : status);
    const after = await call(app, key, real);
    expect(after.status).toBe(answer.status);
    const makes = ['contacts.create', 'contacts.upsertMany'].includes(procedure);
    expect(settled(readAnswer(dry, answer), makes)).toEqual(settled(readAnswer(real, after), makes));
    if (!changesNothing) expect(await readTables(app)).not.toEqual(before);
  });
});

test('A dry erasure names the contacts that it would erase, and erases none', async () => {
  const ids = [(await contact()).id, (await deleted()).id];
  const owner = await signedIn(app, await addMember(app, app.one.id, 'owner'));
  await owner.trpc.organization.current.query();
  const before = await readTables(app);
  const dry = await owner.trpc.contacts.erase.mutate({ ids, dryRun: true });
  expect(await readTables(app)).toEqual(before);
  expect(await owner.trpc.contacts.erase.mutate({ ids })).toEqual(dry);
  expect(dry.erased.sort()).toEqual(ids.sort());
});

test('A key works on after the dry run of its revocation, and after another by itself', async () => {
  const { key, apiKey } = await app.issue(app.one.id);
  const { keys } = app.trpc(key);
  for (const by of [app.one.key, key]) {
    const told = await app.trpc(by).keys.revoke.mutate({ id: apiKey.id, dryRun: true });
    expect(told).toMatchObject({ state: 'revoked', revokedAt: expect.any(Date) });
    expect(await keys.current.query()).toMatchObject({ state: 'active', revokedAt: null });
  }
  await keys.revoke.mutate({ id: apiKey.id });
  await expect(keys.current.query()).rejects.toMatchObject({ message: 'API key authentication failed' });
});

test('Calls at once, of which some are dry runs, write what the others write', async () => {
  const { id } = await contact();
  const calls = Array.from({ length: 20 }, (_, index) =>
    contacts().update.mutate({ id, notes: `note ${index}`, dryRun: index % 2 === 0 }),
  );
  await Promise.all(calls);
  const now = await contacts().get.query({ id });
  expect(now.version).toBe(11);
  expect(now.notes).toMatch(/[13579]$/);
});

test('Over REST a dry run has no Location and no ETag, and its flag is true or false', async () => {
  const body = { name: 'Ada', email: newEmail() };
  const dry = await app.api(app.one.key, 'POST', '/api/contacts?dryRun=true', body);
  expect([dry.status, dry.headers.get('location'), dry.headers.get('etag')]).toEqual([201, null, null]);
  expect(await contacts().list.query({ email: body.email })).toMatchObject({ items: [] });
  expect((await app.api(app.one.key, 'GET', `/api/contacts/${dry.body.data.id}`)).status).toBe(404);
  expect(
    (await app.api(app.one.key, 'POST', '/api/contacts', { ...body, dryRun: true })).headers.get('etag'),
  ).toBeNull();
  for (const flag of ['1', 'false ', 'True', '', 'yes']) {
    const refused = await app.api(app.one.key, 'POST', `/api/contacts?dryRun=${encodeURIComponent(flag)}`, body);
    expect([refused.status, refused.body.details]).toEqual([
      400,
      { issues: [{ path: ['dryRun'], message: 'Must be true or false' }] },
    ]);
  }
  const made = await app.api(app.one.key, 'POST', '/api/contacts?dryRun=false', body);
  expect([made.status, made.headers.get('etag')]).toEqual([201, '"1"']);
  const read = await app.api(app.one.key, 'GET', `/api/contacts/${made.body.data.id}?dryRun=true`);
  expect([read.status, read.body.details.issues[0].message]).toEqual([400, expect.stringContaining('dryRun')]);
});

test('Every write of contacts, keys.revoke, and nothing else takes a dry run', () => {
  const takes = Object.entries(procedures).filter(([, { input }]) => 'dryRun' in objectOf(input).shape);
  const wanted = Object.entries(procedures).filter(
    ([name, { type }]) => name.startsWith('contacts.') && type === 'mutation',
  );
  expect(takes.map(([name]) => name).sort()).toEqual([...wanted.map(([name]) => name), 'keys.revoke'].sort());
});
