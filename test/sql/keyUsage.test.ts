import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import { expect, inject, test, vi } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { listKeyUsage } from '../../db/keyUsage.ts';
import { type KeyCalls, recordKeyUses } from '../../db/keyUse.ts';
import { createLastUse } from '../../server/auth/lastUse.ts';
import { trimKeyUsage } from '../../server/start/trimKeyUsage.ts';
import type { CallCounts } from '../../shared/callOutcomes.ts';
import { atOnce } from '../helpers/atOnce.ts';
import { startPeer, until } from '../helpers/instance.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp, testSecrets } from '../helpers/testApp.ts';

const DAY = 86_400_000;
const NOTHING: CallCounts = { ok: 0, clientError: 0, limited: 0, failed: 0 };
const usageOf = async (app: TestApp, id?: string) =>
  await listKeyUsage(asOperator(app.db, app.one.id), { organizationId: app.one.id, id });
/** The calls of a key on all days. */
const totalOf = async (app: TestApp, id: string) => (await usageOf(app, id)).keys[0]?.total;
const recordCalls = (app: TestApp, calls: (Partial<KeyCalls> & { keyId: string })[]) =>
  recordKeyUses(asOperator(app.db, app.one.id), {
    organizationId: app.one.id,
    uses: [],
    calls: calls.map((some) => ({ ...NOTHING, millisecondsAgo: 0, ...some })),
  });
/** A secret of a key, as the service notes its use. */
const secretOf = (app: TestApp, keyId: string) => ({
  organizationId: app.one.id,
  keyId,
  name: keyId,
  digests: [] as Buffer[],
});

/** Makes insertions of rows of a table fail. Gives the function that lets the rows pass again. */
async function refuseInserts(app: TestApp, table: string, condition: string) {
  const name = `refuse_${randomUUID().replaceAll('-', '_')}`;
  const body = `begin raise 'not now'; end`;
  await runAsAdmin(app, `create function ${name}() returns trigger language plpgsql as $$ ${body} $$`);
  await runAsAdmin(
    app,
    `create trigger ${name} before insert on ${table} for each row when (${condition}) execute function ${name}()`,
  );
  return () => runAsAdmin(app, `drop trigger ${name} on ${table}`);
}

test('Calls are counted by day and outcome, and are added to the calls of the day', async () => {
  await using app = await testApp();
  const { apiKey } = await app.issue(app.one.id, { name: 'counted' });
  const keyId = apiKey.id;
  await recordCalls(app, [
    { keyId, ok: 3, failed: 1 },
    { keyId, ok: 1, limited: 2 },
    { keyId, clientError: 5, millisecondsAgo: DAY },
  ]);
  await recordCalls(app, [{ keyId, ok: 10, clientError: 1 }]);
  const { from, to, keys } = await usageOf(app, keyId);
  const yesterday = new Date(Date.parse(to) - DAY).toISOString().slice(0, 10);
  expect(Date.parse(to) - Date.parse(from)).toBe(89 * DAY);
  expect(keys).toEqual([
    {
      id: keyId,
      name: 'counted',
      hint: apiKey.hint,
      state: 'active',
      total: { ok: 14, clientError: 6, limited: 2, failed: 1 },
      days: [
        { date: yesterday, ok: 0, clientError: 5, limited: 0, failed: 0 },
        { date: to, ok: 14, clientError: 1, limited: 2, failed: 1 },
      ],
    },
  ]);
});

test('Days are days in UTC by the database’s clock, whatever the time zone of the session', async () => {
  await using app = await testApp();
  const { apiKey } = await app.issue(app.one.id);
  const [row] = await runAsAdmin(
    app,
    `select extract(epoch from now() - date_trunc('day', now() at time zone 'UTC') at time zone 'UTC')::float as seconds`,
  );
  const sinceMidnight = Number(row?.seconds) * 1000;
  const calls = [
    { keyId: apiKey.id, ok: 1, millisecondsAgo: Math.max(sinceMidnight - 1_000, 0) },
    { keyId: apiKey.id, failed: 1, millisecondsAgo: sinceMidnight + 60_000 },
  ];
  for (const zone of ['Pacific/Kiritimati', 'Pacific/Pago_Pago']) {
    await asOperator(app.db, app.one.id)
      .transaction()
      .execute(async (trx) => {
        await sql`select set_config('TimeZone', ${zone}, true)`.execute(trx);
        const some = calls.map((each) => ({ ...NOTHING, ...each }));
        await recordKeyUses(trx, { organizationId: app.one.id, uses: [], calls: some });
        const { to, keys } = await listKeyUsage(trx, { organizationId: app.one.id, id: apiKey.id });
        expect(keys[0]?.days.at(-1)?.date).toBe(to);
      });
  }
  const [key] = (await usageOf(app, apiKey.id)).keys;
  expect(key?.days.map(({ ok, failed }) => [ok, failed])).toEqual([
    [0, 2],
    [2, 0],
  ]);
});

test('All keys come in one answer: the active ones, and those that were used in the last 90 days', async () => {
  await using app = await testApp();
  const names = ['active', 'revoked and used', 'revoked and unused', 'expired and used', 'used too long ago'];
  const keys = await Promise.all(names.map((name) => app.issue(app.one.id, { name })));
  const idOf = (name: string) => keys[names.indexOf(name)]?.apiKey.id as string;
  await recordCalls(app, [
    { keyId: idOf('revoked and used'), ok: 2 },
    { keyId: idOf('expired and used'), clientError: 3, millisecondsAgo: 89 * DAY },
    { keyId: idOf('used too long ago'), ok: 4, millisecondsAgo: 90 * DAY },
  ]);
  const { keys: ofApi } = app.trpc(app.one.key);
  for (const name of names.filter((each) => /revoked|ago/.test(each))) await ofApi.revoke.mutate({ id: idOf(name) });
  await runAsAdmin(app, `update api_keys set expires_at = now() where id = '${idOf('expired and used')}'`);

  const { from, keys: shown } = await usageOf(app);
  expect(shown.map(({ id }) => id)).toEqual(
    shown
      .map(({ id }) => id)
      .toSorted()
      .toReversed(),
  );
  const told = shown.filter(({ id }) => id !== app.one.keyId);
  expect(told.map(({ name, state, total }) => [name, state, total.ok, total.clientError]).sort()).toEqual([
    ['active', 'active', 0, 0],
    ['expired and used', 'expired', 0, 3],
    ['revoked and used', 'revoked', 2, 0],
  ]);
  expect(told.find(({ name }) => name === 'expired and used')?.days).toMatchObject([{ date: from }]);
  // By its id every key is shown.
  expect((await usageOf(app, idOf('used too long ago'))).keys).toMatchObject([{ total: NOTHING, days: [] }]);
});

test('Counts of days before the last 90 days are deleted, of every organization, and no others', async () => {
  await using app = await testApp({ isAlone: true });
  const days = [0, 89, 90, 200];
  for (const { id: organizationId, keyId } of [app.one, app.other]) {
    const calls = days.map((each) => ({ ...NOTHING, keyId, ok: 1, millisecondsAgo: each * DAY }));
    await recordKeyUses(asOperator(app.db, organizationId), { organizationId, uses: [], calls });
  }
  await trimKeyUsage(app.deps);
  const rows = await runAsAdmin(
    app,
    `select organization_id, (now() at time zone 'UTC')::date - day as age from api_key_days order by age`,
  );
  for (const { id } of [app.one, app.other]) {
    expect(rows.filter(({ organization_id }) => organization_id === id).map(({ age }) => age)).toEqual([0, 89]);
  }
  expect(app.logs.filter((line) => line.includes('not deleted'))).toEqual([]);
});

test('Three instances that count at once come to the exact sum, each outcome for itself', async () => {
  await using app = await testApp();
  await using second = await startPeer(app);
  await using third = await startPeer(app);
  const instances = [app, second, third];
  for (const { deps } of instances) deps.lastUse = createLastUse({ db: deps.db, log: deps.log, interval: 20 });
  const { apiKey, key } = await app.issue(app.one.id, { scopes: ['contacts:read'] });
  const rounds = 40;
  for (let round = 0; round < rounds; round++) {
    await Promise.all(
      instances.flatMap(({ app: { request } }) =>
        ['/api/contacts', '/api/contacts?limit=0', '/api/keys'].map((path) =>
          request(path, { headers: { authorization: `Bearer ${key}` } }),
        ),
      ),
    );
    if (round % 10 === 0) await pause(25);
  }
  await Promise.all(instances.map(({ deps }) => deps.lastUse.flush()));
  const each = rounds * instances.length;
  expect(await totalOf(app, apiKey.id)).toEqual({ ...NOTHING, ok: each, clientError: 2 * each });
});

test('A flush tries again where the database refuses for a moment, so that the end of a service loses no calls', async () => {
  await using app = await testApp();
  const { apiKey } = await app.issue(app.one.id);
  const lastUse = createLastUse({ db: app.db, log: app.deps.log, interval: 600_000 });
  const allow = await refuseInserts(app, 'api_key_days', `new.api_key_id = '${apiKey.id}'`);
  lastUse.count(secretOf(app, apiKey.id), 'ok', 2);
  const flushed = lastUse.flush();
  await until(() => app.logs.some((line) => line.includes('not recorded yet')), 'a failure to record');
  await allow();
  await flushed;
  expect(await totalOf(app, apiKey.id)).toEqual({ ...NOTHING, ok: 2 });
});

test('Calls that could not be recorded are recorded later, once', async () => {
  await using app = await testApp();
  const { apiKey } = await app.issue(app.one.id);
  const secret = secretOf(app, apiKey.id);
  const lastUse = createLastUse({ db: app.db, log: app.deps.log, interval: 100 });
  const allow = await refuseInserts(app, 'api_key_days', `new.api_key_id = '${apiKey.id}'`);
  lastUse.count(secret, 'ok', 2);
  await until(() => app.logs.some((line) => line.includes('not recorded yet')), 'a failure to record');
  lastUse.count(secret, 'ok', 1);
  lastUse.count(secret, 'failed', 4);
  await lastUse.flush();
  expect(await totalOf(app, apiKey.id)).toEqual(NOTHING);
  await allow();
  await until(async () => (await totalOf(app, apiKey.id))?.ok === 3, 'the calls');
  await lastUse.flush();
  expect(await totalOf(app, apiKey.id)).toEqual({ ...NOTHING, ok: 3, failed: 4 });
});

test('Where a later statement of a record fails, calls that an earlier statement has recorded are not counted again', async () => {
  await using app = await testApp();
  const { apiKey } = await app.issue(app.one.id);
  const secret = secretOf(app, apiKey.id);
  const lastUse = createLastUse({ db: app.db, log: app.deps.log });
  // The place of the use 501, which is in the second statement.
  const isLast = `new.api_key_id = '${apiKey.id}' and new.address = '9.9.9.0/24'`;
  const allow = await refuseInserts(app, 'api_key_places', isLast);
  for (let n = 0; n < 499; n++) {
    lastUse.note(secret, { address: `10.${n >> 8}.${n & 255}.1`, userAgent: undefined });
  }
  lastUse.note(secret, { address: '11.0.0.1', userAgent: undefined });
  lastUse.note(secret, { address: '9.9.9.9', userAgent: undefined });
  lastUse.count(secret, 'ok', 5);
  await lastUse.flush();
  expect(app.logs.some((line) => line.includes('not recorded yet'))).toBe(true);
  await allow();
  await lastUse.flush();
  expect(await totalOf(app, apiKey.id)).toEqual({ ...NOTHING, ok: 5 });
});

test('Calls that end after the use was recorded are recorded within the next interval, and an idle key writes nothing', async () => {
  await using app = await testApp();
  const { apiKey } = await app.issue(app.one.id);
  const secret = secretOf(app, apiKey.id);
  const lastUse = createLastUse({ db: app.db, log: app.deps.log, interval: 100 });
  lastUse.note(secret, { address: undefined, userAgent: undefined });
  await until(async () => (await app.trpc(app.one.key).keys.get.query({ id: apiKey.id })).lastUsedAt !== null, 'a use');
  lastUse.count(secret, 'ok', 1);
  await until(async () => (await totalOf(app, apiKey.id))?.ok === 1, 'the call');
  const timers = vi.spyOn(globalThis, 'setTimeout');
  await pause(300);
  const before = timers.mock.calls.filter(([, delay]) => delay === 100).length;
  await pause(300);
  expect(timers.mock.calls.filter(([, delay]) => delay === 100).length).toBe(before);
  timers.mockRestore();
});

test('Calls before and after midnight count for their days, also where they are recorded together', async () => {
  await using app = await testApp();
  const { apiKey } = await app.issue(app.one.id);
  const lastUse = createLastUse({ db: app.db, log: app.deps.log });
  const secret = secretOf(app, apiKey.id);
  const now = vi.spyOn(performance, 'now').mockReturnValue(performance.now() - DAY);
  const date = vi.spyOn(Date, 'now').mockReturnValue(Date.now() - DAY);
  lastUse.count(secret, 'ok', 2);
  now.mockRestore();
  date.mockRestore();
  lastUse.count(secret, 'ok', 3);
  await lastUse.flush();
  expect((await usageOf(app, apiKey.id)).keys[0]?.days.map(({ ok }) => ok)).toEqual([2, 3]);
});

if (inject('database').kind !== 'embedded') {
  test('A use whose secret another writer has is recorded soon after, and its calls once', async () => {
    const [older, newer] = testSecrets(2);
    await using app = await testApp({ keySecrets: [older] });
    await using next = await startPeer(app, [newer as typeof older, older]);
    const { apiKey, key } = await app.issue(app.one.id);
    const { default: pg } = await import('pg');
    const client = new pg.Client(app.adminUrl);
    await client.connect();
    try {
      await client.query('begin');
      await client.query(`select from api_key_secrets where api_key_id = '${apiKey.id}' for update`);
      await atOnce(20, () => next.call(key, 'GET', '/api/contacts'));
      const read = async () => await app.trpc(app.one.key).keys.get.query({ id: apiKey.id });
      // The key's own row is not waited for.
      await until(async () => (await read()).lastUsedAt !== null, 'the use of the key');
      expect((await read()).secrets).toMatchObject([{ lastUsedAt: null }]);
      await client.query('rollback');
      await until(async () => (await read()).secrets[0]?.lastUsedAt != null, 'the use of the secret', 5);
      await next.deps.lastUse.flush();
      expect(await totalOf(app, apiKey.id)).toEqual({ ...NOTHING, ok: 20 });
      expect(next.logs.filter((line) => line.includes('last uses are not recorded'))).toEqual([]);
    } finally {
      await client.end();
    }
  });
}
