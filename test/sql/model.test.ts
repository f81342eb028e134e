import fc from 'fast-check';
import { expect, inject, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { digestsOf } from '../../server/auth/keySecret.ts';
import { comparable } from '../../shared/fold.ts';
import { contactSteps, listPage } from '../helpers/contactSteps.ts';
import { call, readAnswer, requestsOf } from '../helpers/doors.ts';
import { keySteps } from '../helpers/keySteps.ts';
import { memberSteps } from '../helpers/memberSteps.ts';
import type { ModelContact } from '../helpers/modelRows.ts';
import { type Act, type Operation, operation } from '../helpers/operations.ts';
import { type Row, readTables } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';
import { updateManyStep } from '../helpers/updateManyStep.ts';
import { upsertStep } from '../helpers/upsertStep.ts';
import {
  type Actor,
  actorOf,
  createWorld,
  findKey,
  joinOrganization,
  mainKey,
  pick,
  type Step,
  take,
  type World,
} from '../helpers/world.ts';

type ActOf<N extends Act['act']> = Extract<Act, { act: N }>;

/** Makes an operation on the service and on the model, and compares every answer. */
async function perform(world: World, each: Operation) {
  const { act } = each;
  const actor = await actorOf(world, each);
  if (act.act === 'list') await readPages(actor, each, act);
  else if (act.act === 'upsertMany') await upsert(actor, each, act);
  else if (act.act === 'updateMany') await updateMany(actor, each, act);
  else if (act.act === 'expireKey') await expire(actor, act);
  else if (act.act === 'join') await join(actor, act);
  else {
    const steps = { ...contactSteps, ...keySteps, ...memberSteps } as Record<string, (actor: Actor, act: Act) => Step>;
    await take(actor, (steps[act.act] as (actor: Actor, act: Act) => Step)(actor, act), each);
  }
}

/** Reads a list to the last page. Pages come through the two doors in turn. */
async function readPages(actor: Actor, each: Operation, act: ActOf<'list'>) {
  let from: { cursor: string; place: number } | undefined;
  let door = each.door;
  do {
    const before = from;
    from = undefined;
    const next = (cursor: string, place: number) => void (from = { cursor, place });
    await take(actor, listPage(actor, act, { from: before, next }), { door, names: each.names });
    door = 1 - door;
  } while (from);
}

async function upsert(actor: Actor, each: Operation, act: ActOf<'upsertMany'>) {
  const touched = new Map<string, (shown: ModelContact) => void>();
  await take(actor, upsertStep(actor, act, touched), each);
  const { secret } = await mainKey(actor.world, actor.organization);
  for (const [id, accept] of touched) {
    const [request] = requestsOf('contacts.get', { id });
    if (!request) throw new Error('No door');
    accept(readAnswer(request, await call(actor.world.app, secret.key, request)).data);
  }
}

/** Changes many contacts, and compares each changed contact with the model. */
async function updateMany(actor: Actor, each: Operation, act: ActOf<'updateMany'>) {
  const touched = new Map<string, (shown: ModelContact) => void>();
  await take(actor, updateManyStep(actor, act, touched), each);
  const { secret } = await mainKey(actor.world, actor.organization);
  for (const [id, accept] of touched) {
    const [request] = requestsOf('contacts.list', { ids: [id], includeDeleted: true });
    if (!request) throw new Error('No door');
    const { data } = readAnswer(request, await call(actor.world.app, secret.key, request));
    accept(data.items[0]);
  }
}

/** A person who was removed joins again, or else another person joins. */
async function join({ world, organization }: Actor, { member, role }: ActOf<'join'>) {
  const before = pick(organization.people, member);
  await joinOrganization(world, organization, { role, before: before?.role === null ? before : undefined });
}

/** Sets the expiry of a key and of all its secrets to a past time. */
async function expire(actor: Actor, { target }: ActOf<'expireKey'>) {
  const { row } = findKey(actor, target);
  if (!row) return;
  const db = asOperator(actor.world.app.db, actor.organization.id);
  const past = new Date('2026-01-01T00:00:00.000Z');
  await db.updateTable('api_keys').set({ expires_at: past }).where('id', '=', row.shown.id).execute();
  await db.updateTable('api_key_secrets').set({ expires_at: past }).where('api_key_id', '=', row.shown.id).execute();
  const state = row.shown.state === 'revoked' ? 'revoked' : 'expired';
  row.shown = { ...row.shown, expiresAt: past.toISOString(), state };
  for (const secret of row.secrets) secret.isOver = true;
}

/** Calls with each secret that the service ever gave: the model says which calls are refused, and with which words. */
async function tryEachSecret(world: World) {
  for (const organization of world.organizations) {
    for (const key of organization.keys) {
      for (const secret of key.secrets) {
        const actor: Actor = { world, organization, caller: { key, secret }, key };
        await take(actor, keySteps.currentKey(actor), { door: world.step % 2, names: undefined });
        const list = keySteps.listKeys(actor, { act: 'listKeys', limit: 1 });
        await take(actor, list, { door: world.step % 2, names: undefined });
      }
    }
  }
}

const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
const toIso = (at: unknown) => (at === null ? null : new Date(String(at)).toISOString());

/** Compares the tables with the model. */
async function compareTables({ app, organizations }: World) {
  const tables = await readTables(app);
  for (const { id, contacts, keys, people } of organizations) {
    const owner = keys[0]?.shown.createdBy.id;
    const own = (rows: Row[]) => rows.filter(({ organization_id }) => organization_id === id);
    const documents = own(tables.contacts).map(({ document }) => JSON.parse(String(document)) as ModelContact);
    expect(documents.sort(byId)).toEqual([...contacts].sort(byId));
    for (const { document, name, email, company, deleted_at, updated_at, version, ...row } of own(tables.contacts)) {
      expect(JSON.parse(String(document))).toMatchObject({ name, email, company, version });
      expect(JSON.parse(String(document))).toMatchObject({
        deletedAt: toIso(deleted_at),
        updatedAt: toIso(updated_at),
      });
      const [nameKey, emailKey, companyKey] = [name, email, company].map((text) => text && comparable(String(text)));
      expect([row.name_key, row.email_key, row.company_key]).toEqual([nameKey, emailKey, companyKey]);
    }

    const rows = own(tables.api_keys).map(({ id: keyId, name, scopes, hint, expires_at, revoked_at }) => [
      ...[keyId, name, scopes, hint, toIso(expires_at), toIso(revoked_at)],
    ]);
    const shown = keys.map(({ shown: key }) => [key.id, key.name, key.scopes, key.hint, key.expiresAt, key.revokedAt]);
    expect(rows.sort()).toEqual(shown.sort());
    // The holder of a secret that is over, or whose key is revoked, decides nothing.
    const isRevoked = (keyId: unknown) => keys.some(({ shown: key }) => key.id === keyId && key.state === 'revoked');
    const secrets = own(tables.api_key_secrets).map(({ api_key_id, digest, expires_at, holder_id }) => {
      const isOver = Date.parse(String(expires_at)) <= Date.now();
      return [api_key_id, digest, isOver, isOver || isRevoked(api_key_id) ? null : holder_id];
    });
    const known = keys.flatMap(({ shown: key, secrets: some }) =>
      some.map(({ key: text, isOver, holder }) => [
        key.id,
        `\\x${digestsOf(text, app.keySecrets)[0]?.toString('hex')}`,
        isOver,
        isOver || isRevoked(key.id) ? null : (holder?.id ?? null),
      ]),
    );
    const roles = own(tables.members).flatMap(({ user_id, role }) => (user_id === owner ? [] : [[user_id, role]]));
    expect(roles.sort()).toEqual(people.flatMap(({ id: person, role }) => (role ? [[person, role]] : [])).sort());
    expect(secrets.sort()).toEqual(known.sort());
  }
}

/**
 * `most`: the number of runs. `least`: the number of runs that even a slow machine must reach within the time limit.
 */
const RUNS = inject('database').kind === 'embedded' ? { most: 10, least: 5 } : { most: 50, least: 15 };

async function runModel(app: TestApp, accounts: World['accounts'], operations: Operation[]) {
  const world = await createWorld(app, 3, accounts);
  for (const each of operations) await perform(world, each);
  await tryEachSecret(world);
  await app.deps.lastUse.flush();
  await compareTables(world);
  const secrets = world.organizations.flatMap(({ keys }) => keys.flatMap(({ secrets: some }) => some));
  for (const { key } of secrets) expect(app.logs.join(''), 'a key in the log').not.toContain(key);
}

test('Whatever three organizations do, the service answers and keeps what a plain model does', async () => {
  await using app = await testApp();
  const operations = fc.array(operation, { minLength: 20, maxLength: 40, size: 'max' });
  const accounts: World['accounts'] = [];
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(operations, async (some) => {
      await runModel(app, accounts, some);
      runs += 1;
    }),
    // After a failure fast-check prints the seed, and the shortest failing list of operations that fast-check found in
    // the time.
    { numRuns: RUNS.most, interruptAfterTimeLimit: 90_000 },
  );
  expect(runs).toBeGreaterThanOrEqual(RUNS.least);
});
