import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { type ConnectionSource, createKysely } from '../../db/driver/connection.ts';
import type { Database } from '../../db/open.ts';
import { procedures } from '../../server/procedures/call.ts';
import { addMember, addPerson, openBrowser, signedIn } from '../helpers/browser.ts';
import { CASES, type Case, FOR_PEOPLE, inputOf, makeTargets } from '../helpers/cases.ts';
import { DOORS, isThrough } from '../helpers/contract.ts';
import { requestsOf } from '../helpers/doors.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

/** Gives `source` with connections that note each statement. */
const noting = (source: ConnectionSource, statements: Set<string>): ConnectionSource => ({
  ...source,
  share(flight, within) {
    for (const statement of flight) statements.add(statement.sql);
    return source.share(flight, within);
  },
  async acquire(within) {
    const connection = await source.acquire(within);
    return {
      ...connection,
      async send(flight) {
        for (const statement of flight) statements.add(statement.sql);
        return await connection.send(flight);
      },
    };
  },
});

/** Gives `db` with connections that note each statement: the service's, better-auth's, and those of `root`. */
function watch(db: Database, statements: Set<string>): Database {
  const connections = noting(db.connections, statements);
  const accounts = db.accounts === db.connections ? connections : noting(db.accounts, statements);
  return { ...db, connections, accounts, root: createKysely(connections) };
}

/** Makes a request of every kind, each of which must do its work: every procedure through every door, and accounts. */
async function useEverything(app: TestApp) {
  const { one } = app;
  const owner = await signedIn(app, await addMember(app, one.id, 'owner'));
  for (const [procedure, row] of Object.entries(CASES)) {
    for (const [name, door] of Object.entries(DOORS)) {
      if (!isThrough(name, procedure)) continue;
      const { key } = await app.issue(one.id);
      const { status } = await door.call({ app, key, procedure, input: await inputFor(app, row) });
      expect(status, `${procedure} through ${name}`).toBe(200);
    }
    const [request] = requestsOf(procedure, await inputFor(app, row));
    // A person has no key of its own.
    if (!request || ['keys.current', 'keys.mintToken'].includes(procedure)) continue;
    const { status } = await owner.call(request.method, request.path, request.body);
    expect(status, `${procedure} by a person`).toBe(200);
  }

  const { session, members, contacts } = owner.trpc;
  const { userId } = await addMember(app, one.id);
  const third = await signedIn(app, await addMember(app, app.other.id, 'owner'));
  const [found] = (await members.list.query()).members.filter(({ person }) => person.id === userId);
  const id = found?.id as string;
  const called = [
    ['session.current', await session.current.query()],
    ['contacts.erase', await contacts.erase.mutate({ ids: [(await makeTargets(app, one)).contact] })],
    ['organization.delete', await third.trpc.organization.delete.mutate({ name: app.other.name })],
    ['members.changeRole', await members.changeRole.mutate({ id, role: 'admin' })],
    ['members.keys', await members.keys.query({ id, role: 'member' })],
    ['members.remove', await members.remove.mutate({ id, keepKeys: [] })],
    ['members.invite', await members.invite.mutate({ email: 'eve@example.com', role: 'member' })],
    ['members.requireFactor', await members.requireFactor.mutate({ isRequired: false })],
    ['members.list', await members.list.query()],
  ] as const;
  const [invitation] = (await members.list.query()).invitations;
  await members.cancelInvitation.mutate({ id: invitation?.id as string });
  const people = [...called.map(([name]) => name), 'members.cancelInvitation'];
  expect([...Object.keys(CASES), ...people].sort()).toEqual(Object.keys(procedures).sort());
  expect(people.sort()).toEqual(Object.keys(FOR_PEOPLE).sort());

  const statuses = async (requests: [method: string, path: string, body?: unknown][]) => {
    for (const request of requests) expect([request, (await owner.call(...request)).status]).toEqual([request, 200]);
  };
  await statuses([
    ['GET', '/readyz'],
    ['GET', '/api/auth/get-session'],
    ['GET', '/api/auth/list-sessions'],
    ['GET', '/api/auth/organization/list'],
    ['POST', '/api/auth/organization/set-active', { organizationId: one.id }],
    ['POST', '/api/auth/update-user', { name: 'Ada' }],
    ['POST', '/api/auth/revoke-other-sessions', {}],
    ['POST', '/api/auth/request-password-reset', { email: one.ownerEmail }],
    ['POST', '/api/auth/sign-out', {}],
  ]);
  expect((await openBrowser(app).signIn((await addPerson(app)).email, 'not the password')).status).toBe(401);
  expect((await app.api(undefined, 'GET', '/api/contacts')).status).toBe(401);
}

const inputFor = async (app: TestApp, row: Case) => inputOf(row, await makeTargets(app, app.one));

const TAKES_POWER =
  /set_config\('(role|\w*timeout)'|\bset\s+(local\s+|session\s+)?(role|\w*timeout|session)|\breset\b/i;

test('A statement of a request changes role and time limits with a single login, and never with separate logins', async () => {
  const statements = new Set<string>();
  await using app = await testApp({ isAlone: true, watch: (db) => watch(db, statements) });
  await useEverything(app);
  await app.deps.lastUse.flush();
  expect(statements.size).toBeGreaterThan(50);
  const changing = [...statements].filter((statement) => TAKES_POWER.test(statement));
  if (!app.db.isSeparated) return expect(changing.length).toBeGreaterThan(3);
  expect(changing).toEqual([]);
  // No function that a statement calls, directly or through another function, changes role or limits. The definition
  // has the body of every function, and the settings that the function is called under.
  const { rows } = await sql<{ name: string; source: string; isTrigger: boolean }>`
    select proname as name, pg_get_functiondef(p.oid) as source, exists (select from pg_trigger where tgfoid = p.oid) as "isTrigger"
      from pg_proc p where pronamespace = 'public'::regnamespace and proname like 'introzy%'`.execute(app.db.root);
  // A statement also calls what its tables call by themselves.
  const { rows: expressions } = await sql<{ source: string }>`
    select concat(qual, ' ', with_check) as source from pg_policies where schemaname = 'public'
    union select pg_get_expr(adbin, adrelid) from pg_attrdef`.execute(app.db.root);
  const called = new Set<string>();
  const follow = (text: string) => {
    for (const { name, source } of rows) {
      if (called.has(name) || !new RegExp(`\\b${name}\\b`).test(text)) continue;
      called.add(name);
      follow(source);
    }
  };
  for (const statement of statements) follow(statement);
  for (const { source } of expressions) follow(source);
  for (const { name, isTrigger } of rows) if (isTrigger) follow(name);
  expect([...called]).toEqual(
    expect.arrayContaining([
      ...['introzy_admit_key_from', 'introzy_admit_session', 'introzy_identify_key', 'introzy_role_scopes'],
      ...['introzy_for_accounts', 'introzy_uuid_v7', 'introzy_audit_api_key', 'introzy_actor', 'introzy_keep_contact'],
    ]),
  );
  const powerful = rows.filter(({ name, source }) => called.has(name) && TAKES_POWER.test(source));
  expect(powerful.map(({ name }) => name)).toEqual([]);
  // The functions of the version before do, so the search would find such a function.
  expect(rows.filter(({ source }) => TAKES_POWER.test(source)).map(({ name }) => name)).toContain('introzy_enter');
});
