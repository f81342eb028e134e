import { getTRPCErrorFromUnknown } from '@trpc/server';
import { expect } from 'vitest';
import { createIntrozyClient, IntrozyError } from '../../client/index.ts';
import { type CallOptions, PROCEDURES } from '../../client/procedures.ts';
import { describeError } from '../../server/http/errors.ts';
import { callProcedure, type ProcedurePath, procedures } from '../../server/procedures/call.ts';
import { createContext } from '../../server/procedures/context.ts';
import { transformer } from '../../shared/transformer.ts';
import { type Input, readAnswer, requestsOf } from './doors.ts';
import { MCP_HEADERS, rpc } from './mcp.ts';
import type { TestApp } from './testApp.ts';

/** The outcome of a call, in the same shape from each door. Dates are text in ISO 8601. */
export interface Outcome {
  status: number;
  data?: unknown;
  error?: string;
  details?: unknown;
}

interface DoorCall {
  app: TestApp;
  key: string | undefined;
  procedure: string;
  input: Input;
  idempotencyKey?: string | undefined;
}

/** A way to call procedures. `leftOut` lists the procedures that the door leaves out on purpose, by the reason. */
export interface Door {
  leftOut: Record<string, string[]>;
  call(call: DoorCall): Promise<Outcome>;
  /** The part of a procedure's answer that this door gives. */
  shape(procedure: string, data: unknown): unknown;
}

const PEOPLE = Object.keys(procedures).filter((name) =>
  /^(session|members)\.|^contacts\.erase$|^organization\.delete$/.test(name),
);
const FOR_PEOPLE = 'it is for people, who sign in to the dashboard';
const whole = (_: string, data: unknown) => data;

const keyHeader = (idempotencyKey: string | undefined): Record<string, string> =>
  idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };

const byRequest = (index: 0 | 1) => async (made: DoorCall) => {
  const request = requestsOf(made.procedure, made.input)[index];
  if (!request) throw new Error(`${made.procedure} has no route`);
  const { method, path, body } = request;
  const answer = await made.app.api(made.key, method, path, body, keyHeader(made.idempotencyKey));
  const { status, ...outcome } = readAnswer(request, answer);
  // Only REST has the status 201.
  return { ...outcome, status: status === 201 ? 200 : status };
};

// biome-ignore lint/suspicious/noExplicitAny: the answer of any procedure
type Data = any;
const toRow = ({ id, name, email, company, title, tags, version }: Data) => ({
  ...{ id, name, email, company, title, tags, version },
});
const toDone = ({ id }: Data) => ({ results: [{ id, outcome: 'done' }] });

/**
 * By procedure: the tool, a function that makes the tool's arguments, and a function that picks the part that the tool
 * gives.
 */
const TOOLS: Record<string, [tool: string, toArguments: (input: Input) => object, shape: (data: Data) => unknown]> = {
  'keys.current': [
    'whoami',
    (input) => input,
    ({ id, name, scopes, expiresAt, holder }) => ({ id, name, scopes, expiresAt, holder }),
  ],
  'organization.current': ['whoami', (input) => input, (data) => data],
  'contacts.list': [
    'search_contacts',
    ({ search, ...input }) => ({ query: search, ...input }),
    ({ items, nextCursor }) => ({ contacts: items.map(toRow), nextCursor }),
  ],
  'contacts.count': [
    'search_contacts',
    ({ search, ...input }) => ({ query: search, ...input, count: true }),
    (data) => data,
  ],
  'contacts.tags': ['list_tags', (input) => input, ({ items, nextCursor }) => ({ tags: items, nextCursor })],
  'contacts.getMany': [
    'get_contacts',
    (input) => input,
    ({ contacts, ...others }) => ({
      contacts: contacts.map(({ organizationId: _, ...contact }: Data) => contact),
      ...others,
    }),
  ],
  'contacts.create': ['create_contact', (input) => input, (data) => ({ contact: toRow(data) })],
  'contacts.update': ['update_contact', (input) => input, (data) => ({ contact: toRow(data) })],
  'contacts.updateMany': [
    'update_contacts',
    ({ where, ...input }) => {
      const { search: query, ...conditions } = where as Input;
      return { where: { query, ...conditions }, ...input };
    },
    (data) => data,
  ],
  'contacts.upsertMany': [
    'upsert_contacts',
    (input) => input,
    ({ results }) => ({
      results: results.map(({ issues: _, error, ...row }: Data) => ({
        ...row,
        ...(error && { error: expect.stringContaining(error) }),
      })),
    }),
  ],
  'contacts.delete': ['delete_contacts', ({ id }) => ({ ids: [id] }), toDone],
  'contacts.restore': ['restore_contacts', ({ id }) => ({ ids: [id] }), toDone],
};

/** By procedure: the part of its tool's answer that equals the procedure's answer. */
const PARTS: Record<string, string> = {
  'keys.current': 'key',
  'organization.current': 'organization',
  'contacts.count': 'matches',
};

async function callTool({ app, key, procedure, input, idempotencyKey }: DoorCall): Promise<Outcome> {
  const [name, toArguments] = TOOLS[procedure] ?? [];
  if (!name || !toArguments) throw new Error(`${procedure} has no tool`);
  const meta = idempotencyKey === undefined ? {} : { _meta: { idempotencyKey } };
  const message = rpc(1, 'tools/call', { name, arguments: toArguments(input), ...meta });
  const { status, body } = await app.api(key, 'POST', '/mcp', message, MCP_HEADERS);
  if (status !== 200) return { status, error: body.error, details: body.details };
  const { isError, structuredContent, _meta } = body.result;
  if (isError) return _meta['introzy/error'];
  const part = PARTS[procedure];
  return { status, data: part ? structuredContent[part] : structuredContent };
}

async function callClient({ app, key, procedure, input, idempotencyKey }: DoorCall): Promise<Outcome> {
  const fetch: typeof globalThis.fetch = async (url, init) => app.app.request(url as string, init);
  const client = createIntrozyClient({ url: 'http://introzy.test', key, fetch });
  const [namespace = '', method = ''] = procedure.split('.');
  const calls = (
    client as unknown as Record<string, Record<string, Record<string, (input: Input, options: CallOptions) => unknown>>>
  )[namespace];
  const { query, mutate } = calls?.[method] ?? {};
  try {
    const data = await (query ?? mutate)?.(input, { idempotencyKey });
    return { status: 200, data: JSON.parse(JSON.stringify(data)) };
  } catch (error) {
    if (!(error instanceof IntrozyError)) throw error;
    const details = Object.keys(error.details).length > 0 ? error.details : undefined;
    return { status: error.status ?? 0, error: error.message, details };
  }
}

/**
 * Calls a procedure by our own walk through its middlewares, without a door. tRPC's door calls a procedure by tRPC's
 * walk, so that the table of doors compares the two walks.
 */
export async function walk(
  { app, procedure, input }: Omit<DoorCall, 'key'>,
  headers: Record<string, string>,
): Promise<Outcome> {
  const request = new Request('http://localhost/', { method: 'POST', headers });
  const ctx = createContext(app.deps, request);
  try {
    const data = await callProcedure(procedure as ProcedurePath, { ctx, getRawInput: async () => input });
    return { status: 200, data: JSON.parse(JSON.stringify(transformer.serialize(data))).json };
  } catch (error) {
    const { status, message, details } = describeError(getTRPCErrorFromUnknown(error));
    return { status, error: message, details: details && JSON.parse(JSON.stringify(details)) };
  }
}

/** Every door, and our own walk, by which all doors except tRPC's call procedures. */
export const DOORS: Record<string, Door> = {
  tRPC: { leftOut: {}, call: byRequest(0), shape: whole },
  REST: {
    leftOut: { [FOR_PEOPLE]: PEOPLE, 'PATCH changes the name with all else': ['keys.rename'] },
    call: byRequest(1),
    shape: whole,
  },
  MCP: {
    leftOut: {
      [FOR_PEOPLE]: PEOPLE,
      'no tool issues or shows a key, nor deals with keys otherwise': [
        ...[
          'keys.list',
          'keys.get',
          'keys.places',
          'keys.usage',
          'keys.issue',
          'keys.update',
          'keys.rename',
          'keys.rotate',
          'keys.endGrace',
          'keys.mintToken',
          'keys.revoke',
        ],
      ],
      'it is for those who look after the keys': ['audit.list'],
      'a tool reads many contacts as well as one': ['contacts.get'],
    },
    call: callTool,
    shape: (procedure, data) => TOOLS[procedure]?.[2](data),
  },
  callProcedure: {
    leftOut: {},
    call: ({ key, idempotencyKey, ...made }) =>
      walk(made, { ...keyHeader(idempotencyKey), ...(key !== undefined && { authorization: `Bearer ${key}` }) }),
    shape: whole,
  },
  client: { leftOut: { [FOR_PEOPLE]: PEOPLE }, call: callClient, shape: whole },
};

/** True where a door offers a procedure. */
export const isThrough = (door: string, procedure: string): boolean => {
  if (door === 'tRPC' || door === 'callProcedure') return true;
  if (door === 'REST') return requestsOf(procedure, { id: 'x' }).length > 1;
  if (door === 'MCP') return procedure in TOOLS;
  const [namespace = '', method = ''] = procedure.split('.');
  return method in ((PROCEDURES as Record<string, object>)[namespace] ?? {});
};
