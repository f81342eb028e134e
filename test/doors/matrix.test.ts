import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { routes } from '../../server/doors/rest/routes.ts';
import { type ProcedurePath, procedures } from '../../server/procedures/call.ts';
import { checksumOf } from '../../shared/keyFormat.ts';
import { SCOPES } from '../../shared/scopes.ts';
import { type Caller, join, judgeCaller, judgeToken, makeCallers } from '../helpers/callers.ts';
import { allBut, CASES, type Case, FOR_PEOPLE, inputOf, invalidInputOf, makeTargets } from '../helpers/cases.ts';
import { call, type DoorRequest, type Input, readAnswer, requestsOf } from '../helpers/doors.ts';
import { post, whoami } from '../helpers/mcp.ts';
import { CHALLENGE, expectRefusal, FOREIGN, lacks, type Refusal, UUID, unauthorized } from '../helpers/refusals.ts';
import { readTables } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

/** Every procedure of the router that a key may call, with its row of the contract's table. */
const rows: [string, Case][] = Object.keys(procedures)
  .filter((procedure) => !(procedure in FOR_PEOPLE))
  .map((procedure) => [procedure, CASES[procedure] as Case]);

/** The whole database, without the times, places and counts of keys' uses. */
async function readState(app: TestApp) {
  await app.deps.lastUse.flush();
  const {
    api_keys,
    api_key_secrets,
    api_key_tokens,
    api_key_places: _,
    api_key_days: __,
    audit_log,
    ...others
  } = await readTables(app);
  return {
    ...others,
    api_keys: api_keys.map((row) => ({ ...row, last_used_at: null })),
    api_key_secrets: api_key_secrets.map((row) => ({ ...row, first_used_at: null, last_used_at: null })),
    api_key_tokens: api_key_tokens.map((row) => ({ ...row, last_used_at: null })),
    audit_log: audit_log.filter(({ action }) => action !== 'apiKey.usedFrom'),
  };
}

interface Attempt {
  key: string | undefined;
  procedure: string;
  input: Input;
  refusal: Refusal;
}

/** Makes each attempt through every door. Checks that each call is refused, and that no call wrote anything. */
async function expectRefused(app: TestApp, attempts: Attempt[]) {
  const before = await readState(app);
  const seen = new Set<string | null>();
  for (const { key, procedure, input, refusal } of attempts) {
    for (const request of requestsOf(procedure, input)) {
      const answer = await call(app, key, request);
      const what = `${request.door} ${request.method} ${request.path} with ${key?.slice(0, 12)} ${JSON.stringify(input)}`;
      expectRefusal(what, request, answer, refusal);
      expect(seen, 'request ids').not.toContain(answer.headers.get('x-request-id'));
      seen.add(answer.headers.get('x-request-id'));
    }
  }
  expect(await readState(app)).toEqual(before);
  expect(attempts.length).toBeGreaterThan(0);
}

test('Every procedure has a row in the contract’s table, and its REST route with its status', () => {
  expect(Object.keys(procedures).sort()).toEqual([...Object.keys(CASES), ...Object.keys(FOR_PEOPLE)].sort());
  const actual = routes.map(({ method, path, procedure, status = 200 }) => [procedure, `${method} ${path}`, status]);
  expect(actual.sort()).toEqual(
    Object.entries(CASES)
      .flatMap(([procedure, { rest, moreRoutes = [] }]) =>
        rest ? [rest[0], ...moreRoutes].map((route) => [procedure, route, rest[1]]) : [],
      )
      .sort(),
  );
});

test('A valid key with the scope, and no other, gets through every door of every procedure', async () => {
  await using app = await testApp();
  for (const [procedure, row] of rows) {
    const scopes = row.scope ? [row.scope] : [];
    for (const some of scopes.length > 0 ? [scopes] : SCOPES.map((scope) => [scope])) {
      const { key } = await app.issue(app.one.id, { scopes: some });
      for (const [index, { door }] of requestsOf(procedure, {}).entries()) {
        const targets = await makeTargets(app, app.one);
        // A key cannot rotate a key that has more scopes.
        if (procedure === 'keys.rotate') targets.apiKey = (await app.issue(app.one.id, { scopes: some })).apiKey.id;
        const input = { ...inputOf(row, targets), organizationId: app.one.id };
        const request = requestsOf(procedure, input)[index] as DoorRequest;
        const answer = await call(app, key, request);
        expect(answer.status, `${procedure} ${answer.text}`).toBe(door === 'REST' ? row.rest?.[1] : 200);
        expect(readAnswer(request, answer).data, procedure).toBeTypeOf('object');
        const isRevalidated = door === 'REST' && procedure === 'contacts.get';
        expect(answer.headers.get('cache-control'), procedure).toBe(isRevalidated ? 'no-cache' : 'no-store');
        expect(answer.headers.get('x-request-id')).toMatch(UUID);
      }
    }
  }
});

const ROTATED = 'A rotation replaced this secret of the key: send the key’s new secret';

/** Keys that every door must refuse, each with the expected refusal. */
async function refusedKeys(app: TestApp): Promise<[string | undefined, Refusal][]> {
  const operator = asOperator(app.db, app.one.id);
  const { keys } = app.trpc(app.one.key);
  const [expired, revoked, rotated] = await Promise.all([1, 2, 3].map(() => app.issue(app.one.id)));
  if (!expired || !revoked || !rotated) throw new Error('No keys');
  // Uses the keys while the keys are valid. The service may remember a key's organization, and not the key's validity.
  for (const { key } of [expired, revoked, rotated])
    expect((await app.api(key, 'GET', '/api/contacts')).status).toBe(200);
  const past = new Date(Date.now() - 1_000);
  await operator.updateTable('api_keys').set({ expires_at: past }).where('id', '=', expired.apiKey.id).execute();
  const secret = operator.updateTable('api_key_secrets').where('api_key_id', '=', expired.apiKey.id);
  await secret.set({ expires_at: past }).execute();
  await keys.revoke.mutate({ id: revoked.apiKey.id });
  await keys.rotate.mutate({ id: rotated.apiKey.id, graceHours: 0 });

  const [admin, owner] = [await join(app, 'admin'), await join(app, 'owner')];
  const left = await admin.as.trpc.keys.issue.mutate({ name: 'left behind', scopes: [...SCOPES] });
  const child = await app.trpc(left.key).keys.issue.mutate({ name: 'issued by a key', scopes: [...SCOPES] });
  const others = await owner.as.trpc.keys.issue.mutate({ name: 'another person’s', scopes: [...SCOPES] });
  const seen = await admin.as.trpc.keys.rotate.mutate({ id: others.apiKey.id });
  for (const { key } of [left, child, seen]) expect((await app.api(key, 'GET', '/api/contacts')).status).toBe(200);
  await owner.as.trpc.members.remove.mutate({ id: admin.id });

  const random = '0123abcd'.repeat(7);
  return [
    [undefined, unauthorized('Missing API key', CHALLENGE)],
    [app.one.key.slice(0, -1), unauthorized('Invalid API key')],
    [app.one.key.toUpperCase(), unauthorized('Invalid API key')],
    [`introzy_${random}${checksumOf(random)}`, unauthorized('Invalid API key')],
    [`${app.one.key.slice(0, -1)}${app.one.key.endsWith('0') ? '1' : '0'}`, unauthorized('Invalid API key')],
    [expired.key, unauthorized('API key has expired')],
    [revoked.key, unauthorized('API key has been revoked')],
    [rotated.key, { ...unauthorized('API key has expired'), hint: ROTATED }],
    ...[left, child, seen].map(({ key }): [string, Refusal] => [key, unauthorized('API key has been revoked')]),
  ];
}

test('No procedure takes a missing, malformed, unknown, expired, revoked or rotated-out key, nor a removed member’s, whatever the input', async () => {
  await using app = await testApp();
  const targets = await makeTargets(app, app.one);
  const theirs = await makeTargets(app, app.other);
  const attempts = (await refusedKeys(app)).flatMap(([key, refusal]) =>
    rows.flatMap(([procedure, row]) => {
      const inputs = [inputOf(row, targets), invalidInputOf(row, targets), inputOf(row, theirs)];
      inputs.push({ ...inputOf(row, targets), organizationId: app.other.id });
      return inputs.map((input): Attempt => ({ key, procedure, input, refusal }));
    }),
  );
  await expectRefused(app, attempts);
});

test('No procedure gives or changes what is another organization’s', async () => {
  await using app = await testApp();
  const targets = await makeTargets(app, app.one);
  const theirs = await makeTargets(app, app.other);
  const attempts = rows.flatMap(([procedure, row]) => {
    const inputs = [inputOf(row, targets), inputOf(row, theirs), invalidInputOf(row, targets)].map((input) => ({
      ...input,
      organizationId: app.other.id,
    })) as Input[];
    if (row.target) inputs.push(inputOf(row, theirs), { ...inputOf(row, theirs), organizationId: app.one.id });
    return inputs.map((input): Attempt => ({ key: app.one.key, procedure, input, refusal: FOREIGN }));
  });
  await expectRefused(app, attempts);
});

test('No procedure takes a key from a foreign address, whatever the input', async () => {
  await using app = await testApp();
  const targets = await makeTargets(app, app.one);
  const theirs = await makeTargets(app, app.other);
  const { keys } = app.trpc(app.one.key);
  const issued = await keys.issue.mutate({ name: 'bound', scopes: [...SCOPES] });
  const { token } = await app.trpc(issued.key).keys.mintToken.mutate({ expiresInMinutes: 5 });
  await keys.update.mutate({ id: issued.apiKey.id, allowedAddresses: ['203.0.113.0/24'] });
  const reason = 'The API key may not be used from this address: see the allowed addresses of the key';
  const attempts = [issued.key, token].flatMap((key) =>
    rows.flatMap(([procedure, row]) => {
      const inputs = [inputOf(row, targets), invalidInputOf(row, targets), inputOf(row, theirs)];
      inputs.push({ ...inputOf(row, targets), organizationId: app.other.id });
      return inputs.map((input): Attempt => ({ key, procedure, input, refusal: { status: 403, reason } }));
    }),
  );
  await expectRefused(app, attempts);
});

test('No procedure does without its scope, whatever the input', async () => {
  await using app = await testApp();
  const targets = await makeTargets(app, app.one);
  const theirs = await makeTargets(app, app.other);
  const attempts: Attempt[] = [];
  for (const [procedure, row] of rows) {
    if (!row.scope) continue;
    const { key } = await app.issue(app.one.id, { scopes: allBut(row.scope) });
    const inputs = [inputOf(row, targets), inputOf(row, theirs)];
    // Only a valid id shows whether a key names itself.
    if (!row.isOwnAllowed) {
      inputs.push(invalidInputOf(row, targets), { ...inputOf(row, targets), organizationId: app.other.id });
    }
    attempts.push(...inputs.map((input): Attempt => ({ key, procedure, input, refusal: lacks(row.scope ?? '') })));
  }
  await expectRefused(app, attempts);
});

test('Every procedure takes a key by a scheme of any case, and from nowhere but the header', async () => {
  await using app = await testApp();
  const { key } = app.one;
  const missing = unauthorized('Missing API key', CHALLENGE);
  const elsewhere = { ...missing, hint: expect.stringMatching(/^The API key was sent in .*: Bearer introzy_…$/) };
  for (const [procedure, row] of rows) {
    const input = { ...inputOf(row, await makeTargets(app, app.one)), ...row.invalid };
    for (const request of requestsOf(procedure, input)) {
      const { method, path, body } = request;
      for (const scheme of ['bearer', 'BEARER', 'bEaReR']) {
        const answer = await app.api(undefined, method, path, body, { authorization: `${scheme} ${key}` });
        expect(answer.status, `${scheme} ${method} ${path} ${answer.text}`).toBe(400);
      }
      const names = ['key', 'api_key', 'apiKey', 'access_token', 'token', 'authorization'];
      const fields = Object.fromEntries(names.flatMap((name) => [[name, key] as const, [`${name}s`, `Bearer ${key}`]]));
      const inQuery = `${path}${path.includes('?') ? '&' : '?'}${new URLSearchParams(fields)}`;
      const cookie = names.map((name) => `${name}=${key}`).join('; ');
      const apart = { 'x-api-key': key, 'api-key': key, 'x-authorization': `Bearer ${key}`, 'x-access-token': key };
      for (const answer of [
        await app.api(undefined, method, inQuery, body),
        await app.api(undefined, method, path, body, { cookie, ...apart, 'proxy-authorization': `Bearer ${key}` }),
        await app.api(undefined, method, path, body, { authorization: `Basic ${btoa(`${key}:`)}` }),
        await app.api(undefined, method, path, body, { authorization: `Token ${key}` }),
      ]) {
        expectRefusal(`${method} ${path}`, request, answer, elsewhere);
      }
      if (!body) continue;
      const inBody = await app.api(undefined, method, path, { ...body, ...fields, json: { ...input, ...fields } });
      expectRefusal(`${method} ${path}`, request, inBody, missing);
    }
  }
});

test('A batch of every procedure is refused call by call', async () => {
  await using app = await testApp();
  const targets = await makeTargets(app, app.one);
  const keys = await refusedKeys(app);
  const before = await readState(app);
  for (const [key, { reason, challenge }] of keys) {
    for (const type of ['query', 'mutation']) {
      const some = rows.filter(([procedure]) => procedures[procedure as ProcedurePath]?.type === type);
      const inputs = Object.fromEntries(some.map(([, row], index) => [index, { json: inputOf(row, targets) }]));
      const path = `/trpc/${some.map(([procedure]) => procedure).join()}?batch=1`;
      const isQuery = type === 'query';
      const url = isQuery ? `${path}&input=${encodeURIComponent(JSON.stringify(inputs))}` : path;
      const { status, body, headers } = await app.api(key, isQuery ? 'GET' : 'POST', url, isQuery ? undefined : inputs);
      expect([status, body.length, headers.get('www-authenticate')]).toEqual([401, some.length, challenge]);
      for (const { error } of body) expect(error.json.data.reason).toBe(reason);
    }
  }
  expect(await readState(app)).toEqual(before);
});

test('What is for people alone no key may do, whatever its scopes, and a key that is none is refused as everywhere', async () => {
  await using app = await testApp();
  const nobodys = await refusedKeys(app);
  const FOR_NO_KEY = { status: 403, reason: 'An API key is no person: sign in' };
  const before = await readState(app);
  for (const [procedure, input] of Object.entries(FOR_PEOPLE)) {
    const [request, ...more] = requestsOf(procedure, input);
    expect(more, procedure).toEqual([]);
    for (const key of [app.one.key, (await app.issue(app.one.id, { scopes: ['contacts:read'] })).key]) {
      const { status, body } = await call(app, key, request as DoorRequest);
      expect({ status, reason: body.error.json.data.reason }, procedure).toEqual(FOR_NO_KEY);
    }
    for (const [key, refusal] of nobodys) {
      expectRefusal(procedure, request as DoorRequest, await call(app, key, request as DoorRequest), refusal);
    }
  }
  const { api_keys, api_key_secrets, audit_log, ...others } = await readState(app);
  expect(others).toEqual({ ...before, api_keys: undefined, api_key_secrets: undefined, audit_log: undefined });
});

/** Calls a procedure through each of its doors, and checks that each call succeeds. */
async function expectThrough(
  app: TestApp,
  { what, key }: Pick<Caller, 'what' | 'key'>,
  { procedure, input }: Omit<Attempt, 'key' | 'refusal'>,
) {
  for (const request of requestsOf(procedure, input)) {
    const answer = await call(app, key, request);
    const status = request.door === 'REST' ? CASES[procedure]?.rest?.[1] : 200;
    expect(answer.status, `${procedure} with a key ${what}: ${answer.text}`).toBe(status);
  }
}

test('Each key does at every door what its scopes and the role of its present holder allow', {
  timeout: 180_000,
}, async () => {
  await using app = await testApp();
  const callers = await makeCallers(app);
  const refused: Attempt[] = [];
  for (const [procedure, row] of rows) {
    const targets = await makeTargets(app, app.one);
    for (const caller of callers) {
      const input = inputOf(row, targets);
      const refusal = judgeCaller(caller, row.scope);
      if (refusal) {
        refused.push({ key: caller.key, procedure, input, refusal });
        continue;
      }
      // A key cannot rotate a key that has more scopes.
      const { scopes } = caller;
      if (procedure === 'keys.rotate') input.id = (await app.issue(app.one.id, { scopes })).apiKey.id;
      await expectThrough(app, caller, { procedure, input });
    }
  }
  const ofTokens: Attempt[] = [];
  for (const [procedure, row] of rows) {
    const targets = await makeTargets(app, app.one);
    for (const caller of callers) {
      const [key, input] = [caller.token, inputOf(row, targets)];
      const refusal = judgeToken(caller, { procedure, ...row });
      if (refusal) ofTokens.push({ key, procedure, input, refusal });
      else await expectThrough(app, { what: `${caller.what}, as a token`, key }, { procedure, input });
    }
  }
  // Revoked, each of the three scopes, and minting.
  expect(new Set(ofTokens.map(({ refusal }) => refusal.reason)).size).toBe(5);
  await expectRefused(app, ofTokens);

  // Revoked, each of the three scopes, and a scope that the holder's role lacks.
  expect(new Set(refused.map(({ refusal }) => refusal.reason)).size).toBe(5);
  await expectRefused(app, refused);

  for (const [procedure, input] of Object.entries(FOR_PEOPLE)) {
    for (const { key, holding } of callers) {
      const { status } = await call(app, key, requestsOf(procedure, input)[0] as DoorRequest);
      expect(status, procedure).toBe(holding === 'gone' ? 401 : 403);
    }
  }
  for (const { what, key, holding } of callers) {
    expect((await post(app, key, whoami(1))).status, what).toBe(holding === 'gone' ? 401 : 200);
  }
});

test('Each key that works can revoke itself, whatever the role of its holder; keeping descendants takes keys:manage', async () => {
  await using app = await testApp();
  const callers = (await makeCallers(app)).filter(({ holding }) => holding !== 'gone');
  const keepsNone = callers.flatMap((caller): Attempt[] => {
    const refusal = judgeCaller(caller, 'keys:manage');
    const input = { id: caller.id, descendants: 'keep' };
    return refusal ? [{ key: caller.key, procedure: 'keys.revoke', input, refusal }] : [];
  });
  await expectRefused(app, keepsNone);

  const revoked = new Set<string>();
  // A key comes before the key that issued the key.
  for (const { what, key, id } of callers.reverse()) {
    if (revoked.has(id)) continue;
    const query = keepsNone.some((attempt) => attempt.key === key) ? '' : '?descendants=keep';
    expect((await app.api(key, 'DELETE', `/api/keys/${id}${query}`)).status, what).toBe(200);
    expect((await app.api(key, 'GET', '/api/keys/current')).status, what).toBe(401);
    revoked.add(id);
  }
  expect(revoked.size).toBeGreaterThan(20);
});
