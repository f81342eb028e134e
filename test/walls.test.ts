import { expect, test } from 'vitest';
import { asOperator } from '../db/tenant.ts';
import { insertLike, probe, tenantTables } from './helpers/probe.ts';
import { readTables, runAsRoot } from './helpers/tables.ts';
import { type TestApp, testApp } from './helpers/testApp.ts';

/** What a transaction begins with, and names no organization. */
const NOBODYS = [[], [`select set_config('introzy.organization_id', '', true)`]];
const AS_APP = 'set local role introzy_app';

async function addContacts(app: TestApp) {
  for (const { key } of [app.one, app.other]) await app.trpc(key).contacts.create.mutate({ name: 'A contact' });
}

/** How to act as the roles that the policies hold: whoever connects, unless it is above them, and introzy_app. */
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
  await addContacts(app);
  const tables = await tenantTables(app);
  expect(tables).toEqual(['api_key_secrets', 'api_keys', 'contacts']);
  for (const role of await heldRoles(app)) {
    for (const table of tables) {
      const insert = await insertLike(app, table, app.one.id);
      for (const nobody of NOBODYS) {
        const what = `${table} ${[...role, ...nobody].join('; ')}`;
        const run = (statement: string) => probe(app.db.root, [statement, ...nobody, ...role]);
        expect(await run(`select organization_id from ${table}`), what).toMatchObject({ rows: [] });
        expect(await run(`update ${table} set organization_id = organization_id`), what).toMatchObject({ count: 0 });
        // introzy_app may delete nothing.
        const deleted = await run(`delete from ${table}`);
        expect(deleted, what).toMatchObject(role.length > 0 ? { code: '42501' } : { count: 0 });
        expect(await run(insert), what).toEqual({ code: '42501' });
      }
    }
  }
});

test('What is no organization’s id is an error, and not everybody’s', async () => {
  await using app = await testApp();
  await addContacts(app);
  for (const role of await heldRoles(app)) {
    const garbage = `select set_config('introzy.organization_id', 'everybody', true)`;
    const outcome = await probe(app.db.root, ['select id from contacts', garbage, ...role]);
    // invalid_text_representation
    expect(outcome).toEqual({ code: '22P02' });
  }
});

test('A tenant that asks for everything gets, changes and deletes what is its own', async () => {
  await using app = await testApp();
  await addContacts(app);
  const { one, other } = app;
  const tenant = asOperator(app.db, one.id);
  for (const table of await tenantTables(app)) {
    const run = (statement: string) => probe(tenant, [statement]);
    const own = (await readTables(app))[table as 'contacts'].filter(
      ({ organization_id }) => organization_id === one.id,
    );
    expect(own.length, table).toBeGreaterThan(0);
    const seen = await run(`select organization_id from ${table}`);
    expect(seen, table).toMatchObject({ rows: own.map(() => ({ organization_id: one.id })) });
    const set = (id: string) => `update ${table} set organization_id = '${id}'`;
    expect(await run(set(one.id)), table).toMatchObject({ count: own.length });
    expect(await run(set(other.id)), table).toEqual({ code: '42501' });
    expect(await run(`${set(one.id)} where organization_id = '${other.id}'`), table).toMatchObject({ count: 0 });
    expect(await run(await insertLike(app, table, other.id)), table).toEqual({ code: '42501' });
    expect(await run(`delete from ${table}`), table).toMatchObject({ code: '42501' });
  }
  expect(await probe(tenant, ['select id from organizations'])).toMatchObject({ rows: [{ id: one.id }] });
  for (const statement of ['update organizations set name = name', 'delete from organizations', 'truncate contacts']) {
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
