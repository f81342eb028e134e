import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { asOperator, enter } from '../../db/admission.ts';
import { ScopeRefused } from '../../db/errors.ts';
import { digestsOf } from '../../server/auth/keySecret.ts';
import { ROLES, scopesOf } from '../../shared/roles.ts';
import { SCOPES, type Scope } from '../../shared/scopes.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

/** Changes the scopes of a key behind the service's back. No procedure does so. */
const setScopes = ({ db, one }: TestApp, id: string, scopes: Scope[]) =>
  asOperator(db, one.id).updateTable('api_keys').set({ scopes }).where('id', '=', id).execute();

const lacks = (scope: Scope) => ({ reason: `The API key lacks the scope ${scope}` });

test('The scopes that the service remembers of a key decide nothing: the database’s do, from the next request on', async () => {
  await using app = await testApp();
  const { key, apiKey } = await app.issue(app.one.id, { scopes: ['contacts:read', 'contacts:write'] });
  const create = (body: unknown) => app.api(key, 'POST', '/api/contacts', body);
  expect((await create({ name: 'Ada' })).status).toBe(201);

  await setScopes(app, apiKey.id, ['contacts:read']);
  // A call with invalid input never reaches its query. The answer names the scope all the same, and not the input.
  for (const body of [{ name: 'Bob' }, { name: 7 }]) {
    const { status, body: answer, headers } = await create(body);
    expect([status, answer.details]).toEqual([403, lacks('contacts:write')]);
    expect(headers.get('www-authenticate')).toContain('error="insufficient_scope", scope="contacts:write"');
  }
  const { status, body } = await app.api(key, 'GET', '/api/contacts');
  expect([status, body.data.map(({ name }: { name: string }) => name)]).toEqual([200, ['Ada']]);
  expect((await app.api(key, 'GET', '/api/keys')).body.details).toEqual(lacks('keys:manage'));

  await setScopes(app, apiKey.id, ['contacts:read', 'keys:manage']);
  expect((await app.api(key, 'GET', '/api/keys')).status).toBe(200);
  // A key gives the scopes that the key has in the database.
  const issue = (scopes: Scope[]) => app.api(key, 'POST', '/api/keys', { name: 'given', scopes });
  expect((await issue(['contacts:write'])).body.details).toEqual(lacks('contacts:write'));
  expect((await issue(['contacts:read'])).status).toBe(201);
});

test('The scopes of a role are the same in the database', async () => {
  await using app = await testApp();
  for (const role of ROLES) {
    const { rows } = await sql<{ scopes: string[] }>`select introzy_role_scopes(${role}) as scopes`.execute(
      app.db.root,
    );
    expect(rows[0]?.scopes, role).toEqual(scopesOf(role));
  }
  const { rows } = await sql`select introzy_role_scopes('nobody') as scopes`.execute(app.db.root);
  expect(rows).toEqual([{ scopes: null }]);
});

test('An admission holds for the scopes that were asked for, and no more', async () => {
  await using app = await testApp();
  const { key } = await app.issue(app.one.id, { scopes: ['contacts:read'] });
  const admitted: (string | undefined)[] = [];
  const caller = { type: 'key', organizationId: app.one.id, digests: digestsOf(key, app.keySecrets) } as const;
  const admission = enter(app.db, caller, ({ secretId }) => admitted.push(secretId));
  expect(admission.isAdmitted()).toBe(false);
  await admission.tenant().selectFrom('contacts').select('id').execute();
  expect(admission.isAdmitted()).toBe(true);
  admission.askFor(['contacts:read']);
  expect(admission.isAdmitted()).toBe(false);
  await admission.admit();
  expect(admission.isAdmitted()).toBe(true);

  admission.askFor(SCOPES);
  const refused = new ScopeRefused('key', ['contacts:write', 'keys:manage']);
  await expect(admission.admit()).rejects.toEqual(refused);
  expect(admission.isAdmitted()).toBe(false);
  await expect(admission.tenant().selectFrom('contacts').select('id').execute()).rejects.toEqual(refused);
  await expect(
    admission
      .tenant()
      .transaction()
      .execute(async () => {}),
  ).rejects.toEqual(refused);
  // The key was in use all the same, and is noted once.
  expect(admitted).toEqual([app.keySecrets[0].id]);
});
