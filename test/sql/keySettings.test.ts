import { expect, test } from 'vitest';
import { runAsAdmin } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

const DAY = 86_400_000;

test('A key has a description and an environment, which change alone, and each change is in the audit log', async () => {
  await using app = await testApp();
  const { keys, audit } = app.trpc(app.one.key);
  const given = { description: 'Reads the CRM.', environment: 'staging', selfRotate: false } as const;
  const { apiKey } = await keys.issue.mutate({ name: 'CRM', ...given, description: ' Reads the CRM. ' });
  expect(apiKey).toMatchObject(given);
  const { id } = apiKey;
  expect(await keys.update.mutate({ id })).toEqual(apiKey);
  expect(await keys.update.mutate({ id, environment: 'production' })).toEqual({ ...apiKey, environment: 'production' });
  const emptied = { ...apiKey, name: 'New', description: null, environment: null };
  expect(await keys.update.mutate({ id, name: 'New', description: ' ', environment: null })).toEqual(emptied);
  const rest = { selfRotate: false, rateLimit: null, allowedAddresses: [], addressMode: 'enforce' };
  const { items } = await audit.list.query({ subjectId: id, action: 'apiKey.changed' });
  expect(items.map(({ details }) => details)).toEqual([
    {
      from: { ...given, ...rest, environment: 'production' },
      to: { ...rest, description: null, environment: null },
    },
    { from: { ...given, ...rest }, to: { ...given, ...rest, environment: 'production' } },
  ]);
  for (const [field, value] of [
    ['description', 'a'.repeat(501)],
    ['environment', 'test'],
    ['scopes', ['contacts:read']],
    ['expiresInDays', 30],
  ] as const) {
    const answer = await app.api(app.one.key, 'PATCH', `/api/keys/${id}`, { [field]: value });
    expect([answer.status, JSON.stringify(answer.body.details.issues)]).toEqual([400, expect.stringContaining(field)]);
  }
  await expect(keys.update.mutate({ id: app.other.keyId, name: 'taken' })).rejects.toMatchObject({
    data: { httpStatus: 403 },
  });
});

test('Keys are listed by state, page by page', async () => {
  await using app = await testApp();
  const { keys } = app.trpc(app.one.key);
  const made = [];
  for (const name of ['a', 'b', 'c', 'd']) made.push((await keys.issue.mutate({ name })).apiKey.id);
  const [a, b, c, d] = made as [string, string, string, string];
  await keys.revoke.mutate({ id: b });
  await keys.revoke.mutate({ id: d });
  await runAsAdmin(app, `update api_keys set expires_at = now() where id = '${c}'`);
  const list = async (state: string, limit = 50) => {
    const answer = await app.api(app.one.key, 'GET', `/api/keys?state=${state}&limit=${limit}`);
    return answer.body.data?.map(({ id }: { id: string }) => id) ?? answer.status;
  };
  expect(await list('active')).toEqual([a, app.one.keyId]);
  expect(await list('expired')).toEqual([c]);
  expect(await list('revoked', 1)).toEqual([d]);
  expect(await list('revoked')).toEqual([d, b]);
  expect(await list('other')).toBe(400);
});

test('A rotation gives as many days as the key had, unless it names days', async () => {
  await using app = await testApp();
  const { keys } = app.trpc(app.one.key);
  const { apiKey } = await keys.issue.mutate({ name: 'days', expiresInDays: 45 });
  await runAsAdmin(
    app,
    `update api_key_secrets set created_at = created_at - interval '9 days', expires_at = expires_at - interval '9 days'
      where api_key_id = '${apiKey.id}'`,
  );
  await runAsAdmin(app, `update api_keys set expires_at = expires_at - interval '9 days' where id = '${apiKey.id}'`);
  const daysOf = ({ expiresAt }: { expiresAt: Date }) => Math.round((expiresAt.getTime() - Date.now()) / DAY);
  const rotate = async (expiresInDays?: number) =>
    daysOf((await keys.rotate.mutate({ id: apiKey.id, expiresInDays })).apiKey);
  expect([await rotate(), await rotate(), await rotate(31), await rotate()]).toEqual([45, 45, 31, 31]);
});

test('The grace of the older secrets can be ended; an older secret says that it was rotated out', async () => {
  await using app = await testApp();
  const { keys, audit } = app.trpc(app.one.key);
  const first = await keys.issue.mutate({ name: 'rotated' });
  const { id } = first.apiKey;
  const second = await keys.rotate.mutate({ id, graceHours: 168 });
  expect((await app.api(second.key, 'GET', '/api/contacts')).status).toBe(200);
  const third = await keys.rotate.mutate({ id, graceHours: 1 });
  expect((await keys.get.query({ id })).secrets.map(({ hint }) => hint)).toEqual(
    [third, second, first].map(({ apiKey }) => apiKey.hint),
  );
  const ended = await app.api(app.one.key, 'POST', `/api/keys/${id}/end-grace`);
  expect([ended.status, ended.body.data.secrets]).toMatchObject([200, [{ hint: third.apiKey.hint, holder: null }]]);
  for (const { key } of [first, second]) {
    const answer = await app.api(key, 'GET', '/api/contacts');
    expect([answer.status, answer.body.details]).toEqual([
      401,
      {
        reason: 'API key has expired',
        hint: 'A rotation replaced this secret of the key: send the key’s new secret',
      },
    ]);
  }
  expect((await app.api(third.key, 'GET', '/api/contacts')).status).toBe(200);
  // A second call changes nothing.
  await keys.endGrace.mutate({ id });
  const { items } = await audit.list.query({ subjectId: id, action: 'apiKey.graceEnded' });
  expect(items.map(({ actor }) => actor.id)).toEqual([app.one.keyId]);
  await runAsAdmin(app, `update api_key_secrets set expires_at = now() where api_key_id = '${id}'`);
  expect((await app.api(third.key, 'GET', '/api/contacts')).body.details).toEqual({ reason: 'API key has expired' });

  await keys.revoke.mutate({ id });
  await expect(keys.endGrace.mutate({ id })).rejects.toMatchObject({ data: { httpStatus: 409 } });
  await expect(keys.endGrace.mutate({ id: app.other.keyId })).rejects.toMatchObject({ data: { httpStatus: 403 } });
});

test('An organization has at most 1,000 active keys', async () => {
  await using app = await testApp();
  const { keys } = app.trpc(app.one.key);
  await runAsAdmin(
    app,
    `insert into api_keys (organization_id, id, name, hint, scopes, created_by_type, created_by_id, created_by_name, expires_at)
      select organization_id, gen_random_uuid(), 'many', hint, scopes, created_by_type, created_by_id, created_by_name, expires_at
        from api_keys, generate_series(1, 998) where id = '${app.one.keyId}'`,
  );
  const { apiKey } = await keys.issue.mutate({ name: 'the last' });
  const answer = await app.api(app.one.key, 'POST', '/api/keys', { name: 'one too many' });
  expect([answer.status, answer.body.error]).toEqual([
    409,
    'The organization has 1000 active keys, which is the most: revoke a key first',
  ]);
  await keys.revoke.mutate({ id: apiKey.id });
  expect((await app.api(app.one.key, 'POST', '/api/keys', { name: 'again' })).status).toBe(201);
  // A rotation renews an expired key, which then counts again.
  const many = `select id from api_keys where organization_id = '${app.one.id}' and name = 'many' limit 1`;
  const [expired] = await runAsAdmin(app, `update api_keys set expires_at = now() where id = (${many}) returning id`);
  await keys.issue.mutate({ name: 'instead' });
  expect((await app.api(app.one.key, 'POST', `/api/keys/${expired?.id}/rotate`, {})).status).toBe(409);
  expect((await app.api(app.one.key, 'POST', `/api/keys/${app.one.keyId}/rotate`, {})).status).toBe(200);
});
