// The schemas of the tools must not change what OpenAPI shows.
import '../../server/doors/mcp/schemas.ts';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createOpenApi } from '../../server/doors/rest/openapi.ts';
import { routes } from '../../server/doors/rest/routes.ts';
import { procedures } from '../../server/procedures/call.ts';
import { ERRORS, ErrorEnvelope } from '../../shared/errors.ts';
import { CASES } from '../helpers/cases.ts';
import { call, requestsOf } from '../helpers/doors.ts';
import { testApp } from '../helpers/testApp.ts';

const ROOT = resolve(import.meta.dirname, '../..');
// biome-ignore lint/suspicious/noExplicitAny: a description in JSON, taken apart
const document: any = JSON.parse(JSON.stringify(createOpenApi()));
const operationOf = ({ method, path }: { method: string; path: string }) =>
  document.paths[path]?.[method.toLowerCase()];

test('docs/openapi.json is what the service answers with: after a change, npm test -- openapi.test --update', async () => {
  await using app = await testApp();
  const answer = await app.api(undefined, 'GET', '/openapi.json');
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json; charset=UTF-8']);
  expect(answer.body).toEqual(document);
  await expect(`${JSON.stringify(answer.body, null, 2)}\n`).toMatchFileSnapshot(join(ROOT, 'docs/openapi.json'));
});

test('Every route is described, with the scope that it takes, and nothing else is', () => {
  const described = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const served = routes.map(({ method, path }) => `${method} ${path}`);
  expect(described.sort()).toEqual([...served, 'GET /livez', 'GET /readyz'].sort());
  for (const route of routes) {
    const { scope } = CASES[route.procedure] ?? {};
    expect(procedures[route.procedure].meta.scope, route.procedure).toBe(scope);
    expect(operationOf(route).description).toContain(scope && !route.id ? `Scope: \`${scope}\`.` : 'Any key will do.');
  }
  expect(document.security).toEqual([{ apiKey: [] }]);
  expect(document.components.securitySchemes.apiKey).toMatchObject({ type: 'http', scheme: 'bearer' });
});

describe('Each status', () => {
  // Nobody reads the answer to a client that has gone away.
  const { CLIENT_CLOSED_REQUEST: _, ...errors } = ERRORS;
  const statuses = new Set(Object.values(errors).map(({ status }) => String(status)));

  test('of the contract is described, in the envelope, with an example', () => {
    const used = new Set(routes.flatMap((route) => Object.keys(operationOf(route).responses)));
    expect([...statuses, '431', '200', '201'].filter((status) => !used.has(status))).toEqual([]);
    for (const [name, { content }] of Object.entries<{ content: Record<string, never> }>(
      document.components.responses,
    )) {
      const { schema, examples } = content['application/json'] as unknown as {
        schema: object;
        examples: Record<string, { value: unknown }>;
      };
      expect(schema, name).toEqual({ $ref: '#/components/schemas/Error' });
      expect(Object.keys(examples), name).not.toEqual([]);
      for (const { value } of Object.values(examples)) expect(ErrorEnvelope.parse(value), name).toEqual(value);
    }
  });

  test('is described for each route that answers with it', async () => {
    await using app = await testApp();
    const none = '01890000-0000-7000-8000-000000000000';
    for (const [procedure, { rest, input, invalid, scope }] of Object.entries(CASES)) {
      if (!rest) continue;
      const [method = '', path = ''] = rest[0].split(' ');
      const { responses } = operationOf({ method, path });
      const seen: number[] = [rest[1]];
      const { key } = await app.issue(app.one.id, { scopes: ['contacts:read'] });
      for (const [by, given] of [
        [undefined, { id: none, ...input }],
        [key, { id: none, ...input }],
        [app.one.key, { id: none, ...input, ...invalid }],
        ...(path.includes('{id}') ? [[app.one.key, { id: none, ...input }] as const] : []),
      ] as const) {
        const { id: _, ...withoutId } = given;
        const [, request] = requestsOf(procedure, path.includes('{id}') ? given : withoutId);
        if (request) seen.push((await call(app, by, request)).status);
      }
      expect(seen, procedure).toContain(401);
      if (scope && scope !== 'contacts:read') expect(seen, procedure).toContain(403);
      expect(seen, procedure).toContain(400);
      for (const status of seen) expect(Object.keys(responses), `${procedure} ${status}`).toContain(String(status));
    }
  });
});

test('The reference is a page of this host alone, and so is all that it loads', async () => {
  await using app = await testApp();
  const page = await app.app.request('/docs');
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=UTF-8']);
  expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'; script-src 'self';/);
  const html = await page.text();
  expect(html).not.toMatch(/https?:/);
  const loaded = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path as string);
  expect(loaded).toHaveLength(3);
  for (const path of loaded) {
    const answer = await app.app.request(path);
    expect([answer.status, (await answer.text()).length > 100], path).toEqual([200, true]);
  }
  expect((await app.api(undefined, 'GET', '/docs/package.json')).status).toBe(404);
  for (const path of ['/docs', '/openapi.json']) {
    const answer = await app.api(undefined, 'POST', path);
    expect([answer.status, answer.headers.get('allow')], path).toEqual([405, 'GET, HEAD']);
  }
});
