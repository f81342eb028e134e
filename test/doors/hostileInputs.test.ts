import fc from 'fast-check';
import { expect, test } from 'vitest';
import { routes } from '../../server/doors/rest/routes.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const NOBODY = '01890000-0000-7000-8000-000000000000';

async function statusOf(app: TestApp, method: string, path: string, body?: string) {
  const { status } = await app.api(app.one.key, method, path, body);
  return status;
}

/** An input similar to a procedure's valid input, so that some inputs reach the database. */
function hostileInput(ids: string[]) {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constantFrom(
      '\0',
      '\ud800',
      '%',
      "'",
      '\\',
      '',
      ' ',
      'a@x.org',
      'A@X.ORG',
      'ada',
      '2026-01-01T00:00:00Z',
      'x'.repeat(600),
    ),
  );
  const number = fc.oneof(fc.integer({ min: -2, max: 400 }), fc.double(), fc.constantFrom(2 ** 31, 2 ** 53, -0, 1e300));
  const leaf = fc.oneof(text, number, fc.boolean(), fc.constant(null), fc.constantFrom(...ids));
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4, withCrossShrink: true }, leaf, tie('list'), tie('object')),
    list: fc.array(tie('value'), { maxLength: 4 }),
    object: fc
      .array(fc.tuple(fc.oneof(field, text), tie('value')), { maxLength: 4 })
      .map((entries) => Object.fromEntries(entries)),
  }));
  const likely = fc.record(
    {
      id: fc.constantFrom(...ids),
      name: text,
      email: fc.constantFrom('a@x.org', 'b@x.org', null),
      tags: fc.array(text, { maxLength: 3 }),
      customFields: fc.dictionary(text, value, { maxKeys: 3 }),
      contacts: fc.array(fc.record({ name: text, email: text, customFields: value }, { requiredKeys: ['name'] }), {
        maxLength: 4,
      }),
      search: text,
      limit: number,
      expectedVersion: number,
      expiresInDays: fc.constantFrom(30, 90, 400),
    },
    { requiredKeys: [] },
  );
  const odd = fc.array(fc.tuple(field, value), { maxLength: 3 }).map((entries) => Object.fromEntries(entries));
  return fc.oneof(
    value,
    fc.tuple(likely, odd).map(([a, b]) => ({ ...a, ...b })),
    likely,
  );
}

const field = fc.constantFrom(
  ...['id', 'organizationId', 'name', 'email', 'company', 'notes', 'tags', 'customFields', 'linkedinUrl', 'contacts'],
  ...['limit', 'cursor', 'search', 'tag', 'updatedSince', 'includeDeleted', 'expectedVersion', 'scopes', 'graceHours'],
  ...['expiresInDays', '__proto__', 'constructor', 'json', 'meta'],
);
const annotation = fc.constantFrom(
  ['Date'],
  ['undefined'],
  ['map'],
  ['set'],
  ['bigint'],
  ['number'],
  ['regexp'],
  ['URL'],
  [['class', 'x']],
);

test('No input makes any procedure fail, over either door', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const spare = await app.issue(app.one.id);
  const theirs = await app.trpc(app.other.key).contacts.create.mutate({ name: 'Theirs' });
  const { id } = await contacts.create.mutate({ name: 'Ada', email: 'ada@x.org' });
  const ids = [id, spare.apiKey.id, theirs.id, app.other.id, NOBODY];
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...routes),
      hostileInput(ids),
      fc.option(fc.dictionary(field, annotation, { maxKeys: 2 }), { nil: undefined, freq: 3 }),
      async (route, json, values) => {
        const wire = JSON.stringify({ json, ...(values && { meta: { values, v: 1 } }) });
        const query = `/trpc/${route.procedure}?input=${encodeURIComponent(wire.toWellFormed())}`;
        const overTrpc =
          route.method === 'GET'
            ? await statusOf(app, 'GET', query)
            : await statusOf(app, 'POST', `/trpc/${route.procedure}`, wire.toWellFormed());
        const input = typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : { json };
        const path = route.path.replace('{id}', encodeURIComponent(String(input.id ?? id).toWellFormed()) || id);
        const entries = Object.entries(input).map(([key, value]) => [
          key,
          String(JSON.stringify(value)).toWellFormed(),
        ]);
        const overRest = ['GET', 'DELETE'].includes(route.method)
          ? await statusOf(app, route.method, `${path}?${new URLSearchParams(entries)}`)
          : await statusOf(app, route.method, path, JSON.stringify(json));
        for (const status of [overTrpc, overRest]) expect(status).toBeLessThan(500);
        runs += 1;
      },
    ),
    { numRuns: 400, interruptAfterTimeLimit: 20_000 },
  );
  // The time limit may cut the runs short on a slow machine. 100 runs must remain.
  expect(runs).toBeGreaterThanOrEqual(100);
  expect(app.logs.filter((line) => line.includes('"level":50'))).toEqual([]);
  expect(await statusOf(app, 'GET', '/api/contacts')).toBe(200);
});
