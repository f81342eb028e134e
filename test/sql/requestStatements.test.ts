import { sql } from 'kysely';
import { expect, test } from 'vitest';
import type { ConnectionSource } from '../../db/driver/connection.ts';
import { createApp } from '../../server/doors/app.ts';
import { routes } from '../../server/doors/rest/routes.ts';
import { createDeps } from '../../server/start/deps.ts';
import { addMember, addPerson, openBrowser, signedIn } from '../helpers/browser.ts';
import { callApi } from '../helpers/instance.ts';
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

/** Makes a request of every kind: each REST route, and people's procedures and accounts. */
async function useEverything(app: TestApp) {
  const { one } = app;
  const call = (...request: [string, string, unknown?]) => callApi(app.app, one.key, request);
  const { body } = await call('POST', '/api/contacts', { name: 'Ada', email: 'ada@example.com' });
  for (const { method, path } of routes) {
    const id = path.startsWith('/api/keys') ? one.keyId : body.data.id;
    if (method === 'DELETE' && path.startsWith('/api/keys')) continue;
    const input = method === 'GET' || method === 'DELETE' ? undefined : { name: 'Ada', contacts: [{ name: 'Bob' }] };
    const { status } = await call(method, path.replace('{id}', id), input);
    expect(status, `${method} ${path}`).toBeLessThan(500);
  }
  const owner = await signedIn(app, await addMember(app, one.id, 'owner'));
  const { userId } = await addMember(app, one.id);
  const { members } = await owner.trpc.members.list.query();
  const member = members.find(({ person }) => person.id === userId)?.id as string;
  await owner.trpc.members.changeRole.mutate({ id: member, role: 'admin' });
  await owner.trpc.members.remove.mutate({ id: member, keepKeys: [] });
  await owner.trpc.members.invite.mutate({ email: 'eve@example.com', role: 'member' });
  await owner.trpc.contacts.list.query({});
  await owner.account('/sign-out');
  const stranger = openBrowser(app);
  expect((await stranger.signIn((await addPerson(app)).email, 'not the password')).status).toBe(401);
  await stranger.account('/request-password-reset', { email: one.ownerEmail });
}

const TAKES_POWER =
  /set_config\('(role|\w*timeout)'|\bset\s+(local\s+|session\s+)?(role|\w*timeout|session)|\breset\b/i;

test('A statement of a request changes role and time limits with a single login, and never with separate logins', async () => {
  await using opened = await testApp({ isAlone: true });
  const statements = new Set<string>();
  const { db, deps, keySecrets } = opened;
  const connections = noting(db.connections, statements);
  const accounts = db.accounts === db.connections ? connections : noting(db.accounts, statements);
  const watched = createDeps({
    ...deps,
    db: { ...db, connections, accounts },
    keySecrets,
    rateLimit: 1_000_000,
    signInRate: 1_000_000,
  });
  const app = { ...opened, app: createApp(watched), deps: watched } as TestApp;
  await useEverything(app);
  await watched.lastUse.flush();
  expect(statements.size).toBeGreaterThan(30);
  const changing = [...statements].filter((statement) => TAKES_POWER.test(statement));
  if (!db.isSeparated) return expect(changing.length).toBeGreaterThan(3);
  expect(changing).toEqual([]);
  // No function that a statement calls, directly or through another function, changes role or limits.
  const { rows } = await sql<{ name: string; source: string }>`
    select proname as name, coalesce(prosrc, '') as source from pg_proc
      where pronamespace = 'public'::regnamespace and proname like 'introzy%'`.execute(db.root);
  const called = new Set<string>();
  const follow = (text: string) => {
    for (const { name, source } of rows) {
      if (called.has(name) || !new RegExp(`\\b${name}\\b`).test(text)) continue;
      called.add(name);
      follow(source);
    }
  };
  for (const statement of statements) follow(statement);
  expect([...called]).toEqual(
    expect.arrayContaining(['introzy_admit_key', 'introzy_admit_session', 'introzy_identify']),
  );
  const powerful = rows.filter(({ name, source }) => called.has(name) && TAKES_POWER.test(source));
  expect(powerful.map(({ name }) => name)).toEqual([]);
});
