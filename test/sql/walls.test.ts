import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { sealEntries } from '../../db/auditSeals.ts';
import { insertInvitation } from '../../db/invitations.ts';
import { recordKeyUses } from '../../db/keyUse.ts';
import { insertLike, probe, tenantTables } from '../helpers/probe.ts';
import { readTables, runAsAdmin, runAsRoot } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

/** Beginnings of a transaction that name no organization. */
const NOBODYS = [[], [`select set_config('introzy.organization_id', '', true)`]];
const AS_APP = 'set local role introzy_app';

/** Gives each organization a row in every table. */
async function furnish(app: TestApp) {
  for (const { id: organizationId, key, keyId, ownerId } of [app.one, app.other]) {
    const { contacts } = app.trpc(key);
    const { id } = await contacts.create.mutate({
      name: 'A contact',
      tags: ['a tag'],
      otherEmails: ['other@example.com'],
    });
    await contacts.update.mutate({ id, name: 'Another name' });
    await app.api(key, 'POST', '/api/contacts', { name: 'Once' }, { 'idempotency-key': 'once' });
    const tenant = asOperator(app.db, organizationId);
    const place = { address: '203.0.113.0/24', userAgent: 'curl' };
    const calls = [{ keyId, millisecondsAgo: 0, ok: 1, clientError: 0, limited: 0, failed: 0 }];
    await recordKeyUses(tenant, { organizationId, uses: [{ keyId, millisecondsAgo: 0, place }], calls });
    await app.api(key, 'POST', '/api/keys/current/tokens', { expiresInMinutes: 5 });
    await runAsAdmin(
      app,
      `insert into api_key_notices (organization_id, api_key_id, expires_at, days, user_id, claimed_until)
        values ('${organizationId}', '${keyId}', now(), 7, '${ownerId}', now())`,
    );
    await runAsAdmin(
      app,
      `insert into failed_sign_ins (organization_id, user_id, hour, address, user_agent)
        values ('${organizationId}', '${ownerId}', now(), 'unknown', 'unknown')`,
    );
    const email = `${crypto.randomUUID()}@example.com`;
    await insertInvitation(tenant, { organizationId, email, role: 'member', inviterId: ownerId, by: 'owner' });
    await sealEntries(tenant, { organizationId, after: '00000000-0000-0000-0000-000000000000' });
  }
}

/**
 * `UPDATABLE`: the tables in which a tenant may write the column `organization_id`, though only with its own
 * organization. `DELETABLE`: the tables from which a tenant may delete.
 */
const UPDATABLE = ['api_key_days', 'api_key_places', 'api_key_secrets', 'api_keys', 'contacts', 'kept_answers'];
/** A table that a tenant may not read. */
const HIDDEN = 'failed_sign_ins';
const DELETABLE = [
  'api_key_days',
  'api_key_notices',
  'api_key_tokens',
  'contact_emails',
  'contact_tags',
  'contact_words',
  'contact_words_left',
  'contacts',
  'kept_answers',
  'members',
];

/**
 * Statements that switch to each role that the policies hold: the connection's own role, unless that role bypasses
 * policies, and introzy_app.
 */
async function heldRoles({ db }: TestApp): Promise<string[][]> {
  const [row] = await runAsRoot(
    db.root,
    'select rolname, rolsuper or rolbypassrls as bypasses from pg_roles where rolname = current_user',
  );
  if (row?.rolname === 'introzy_owner') expect(row.bypasses, 'the owner of the tests bypasses policies').toBe(false);
  return row?.bypasses ? [[AS_APP]] : [[], [AS_APP]];
}

test('Where no organization is set, no table shows a row or takes one, to its owner neither', async () => {
  await using app = await testApp();
  await furnish(app);
  const tables = await tenantTables(app);
  expect(tables).toEqual([
    ...[
      'api_key_days',
      'api_key_notices',
      'api_key_places',
      'api_key_secrets',
      'api_key_tokens',
      'api_keys',
      'audit_chains',
      'audit_log',
      'audit_seal_entries',
      'audit_seals',
      'contact_emails',
      'contact_tags',
      'contact_words',
      'contact_words_left',
      'contacts',
      'failed_sign_ins',
      'invitations',
      'kept_answers',
      'members',
    ],
  ]);
  for (const role of await heldRoles(app)) {
    for (const table of tables) {
      const insert = await insertLike(app, table, app.one.id);
      for (const nobody of NOBODYS) {
        const what = `${table} ${[...role, ...nobody].join('; ')}`;
        const run = (statement: string) => probe(app.db.root, [statement, ...nobody, ...role]);
        const isApp = role.length > 0;
        const isHidden = isApp && table === HIDDEN;
        expect(await run(`select organization_id from ${table}`), what).toMatchObject(
          isHidden ? { code: '42501' } : { rows: [] },
        );
        const nothing = (isAllowed: boolean) => (isAllowed || !isApp ? { count: 0 } : { code: '42501' });
        const updated = await run(`update ${table} set organization_id = organization_id`);
        expect(updated, what).toMatchObject(nothing(UPDATABLE.includes(table)));
        expect(await run(`delete from ${table}`), what).toMatchObject(nothing(DELETABLE.includes(table)));
        expect(await run(insert), what).toEqual({ code: '42501' });
      }
    }
  }
});

test('What is no organization’s id is an error, and not everybody’s', async () => {
  await using app = await testApp();
  await furnish(app);
  for (const role of await heldRoles(app)) {
    const garbage = `select set_config('introzy.organization_id', 'everybody', true)`;
    const outcome = await probe(app.db.root, ['select id from contacts', garbage, ...role]);
    // 22P02 is invalid_text_representation.
    expect(outcome).toEqual({ code: '22P02' });
  }
});

test('A tenant that asks for everything gets, changes and deletes what is its own', async () => {
  await using app = await testApp();
  await furnish(app);
  const { one, other } = app;
  const tenant = asOperator(app.db, one.id);
  for (const table of await tenantTables(app)) {
    const run = (statement: string) => probe(tenant, [statement]);
    const own = (await readTables(app))[table as 'contacts'].filter(
      ({ organization_id }) => organization_id === one.id,
    );
    expect(own.length, table).toBeGreaterThan(0);
    const seen = await run(`select organization_id from ${table}`);
    expect(seen, table).toMatchObject(
      table === HIDDEN ? { code: '42501' } : { rows: own.map(() => ({ organization_id: one.id })) },
    );
    const set = (id: string) => `update ${table} set organization_id = '${id}'`;
    const refused = { code: '42501' };
    const isUpdatable = UPDATABLE.includes(table);
    expect(await run(set(one.id)), table).toMatchObject(isUpdatable ? { count: own.length } : refused);
    expect(await run(set(other.id)), table).toEqual(refused);
    const foreign = await run(`${set(one.id)} where organization_id = '${other.id}'`);
    expect(foreign, table).toMatchObject(isUpdatable ? { count: 0 } : refused);
    expect(await run(await insertLike(app, table, other.id)), table).toEqual(refused);
    const deleted = await run(`delete from ${table}`);
    expect(deleted, table).toMatchObject(DELETABLE.includes(table) ? { count: own.length } : refused);
  }
  expect(await probe(tenant, ['select id from organizations'])).toMatchObject({ rows: [{ id: one.id }] });
  expect(await probe(tenant, ['select id from users'])).toMatchObject({ rows: [{ id: one.ownerId }] });
  for (const table of ['accounts', 'passkeys', 'two_factors', 'verifications', 'users']) {
    expect(await probe(tenant, [`select * from ${table}`]), table).toEqual({ code: '42501' });
  }
  // A tenant may rename and delete its own organization, and no other.
  expect(await probe(tenant, ['update organizations set name = name'])).toMatchObject({ count: 1 });
  const foreign = `update organization_settings set deleted_at = now() where id = '${other.id}'`;
  expect(await probe(tenant, [foreign])).toMatchObject({ count: 0 });
  const settings = `insert into organization_settings (id) values ('${other.id}')`;
  expect(await probe(tenant, [settings])).toEqual({ code: '42501' });
  for (const statement of ['update organizations set slug = slug', 'delete from organizations', 'truncate contacts']) {
    expect(await probe(tenant, [statement]), statement).toEqual({ code: '42501' });
  }
});

test('A tenant may not become another role, nor look where the lookup functions look', async () => {
  await using app = await testApp();
  const tenant = asOperator(app.db, app.one.id);
  for (const statement of [
    'alter table contacts disable row level security',
    'alter table contacts no force row level security',
    'drop policy tenant on contacts',
    'create policy everybody on contacts using (true)',
    'create table more ()',
    'alter function introzy_organization_id() volatile',
    'create or replace function introzy_organization_id() returns uuid language sql stable return null',
    'alter role introzy_app bypassrls',
    'grant introzy_lookup to introzy_app',
    'select * from kysely_migration',
  ]) {
    expect(await probe(tenant, [statement]), statement).toEqual({ code: '42501' });
  }
});
