import { expect } from 'vitest';
import { setUpOrganization } from '../../server/start/setup.ts';
import type { IssuedKey, Scope } from '../../shared/apiKeys.ts';
import { SCOPES } from '../../shared/scopes.ts';
import { call, type Input, readAnswer, requestsOf } from './doors.ts';
import { judgeKey, type ModelContact, type ModelOrganization, type ModelSecret } from './model.ts';
import type { Operation, Target } from './operations.ts';
import type { TestApp } from './testApp.ts';

/** The service and the model: the rows that each organization should have. */
export interface World {
  app: TestApp;
  organizations: ModelOrganization[];
}

/** The organization that makes a call, and the key and secret of the call. The secret may be expired or revoked. */
export interface Actor {
  world: World;
  organization: ModelOrganization;
  key: ModelOrganization['keys'][number];
  secret: ModelSecret;
}

/** A refusal with a status, a text and details. Without `error` the text of `SAYS` is expected, or else any text. */
export interface Failure {
  status: number;
  error?: string;
  details?: object | undefined;
}
/** The expected answer: a failure, or an answer that `accept` checks and adds to the model. */
// biome-ignore lint/suspicious/noExplicitAny: an answer of any procedure
export type Expected = Failure | { accept(data: any): void };

/**
 * A call, and the answer that is expected where the key is valid, has the scope, and belongs to the named organization.
 */
export interface Step {
  procedure: string;
  input: Input;
  scope?: Scope | undefined;
  expected(): Expected;
}

const NOBODY = '01890000-0000-7000-8000-000000000000';
const FORBIDDEN = { status: 403, error: 'You do not have permission to access this resource' };
const SAYS: Record<number, string> = { 401: 'API key authentication failed', 403: FORBIDDEN.error };

/**
 * A key without the time of its last use, which the service records after the answer, and without what only some answers
 * show.
 */
export function shownKey({ lastUsedAt, secrets: _, holder: __, descendants: ___, ...shown }: Record<string, unknown>) {
  expect([null, 'string']).toContain(lastUsedAt === null ? null : typeof lastUsedAt);
  return shown as unknown as ModelOrganization['keys'][number]['shown'];
}

/** Adds an issued key to the model. */
export function addKey(organization: ModelOrganization, { key, apiKey }: { key: string; apiKey: object }) {
  const secrets: ModelSecret[] = [{ key, isOver: false }];
  const entry = { shown: shownKey(apiKey as Record<string, unknown>), secrets };
  organization.keys.push(entry);
  return entry;
}

const asShown = (issued: IssuedKey) => JSON.parse(JSON.stringify(issued)) as { key: string; apiKey: object };

export async function createWorld(app: TestApp, count: number): Promise<World> {
  const organizations: ModelOrganization[] = [];
  for (let index = 0; index < count; index++) {
    const named = { name: `Model ${crypto.randomUUID()}`, email: 'owner@example.com' };
    const made = await setUpOrganization(app.db, app.keySecrets, named);
    if (!made) throw new Error('The organization exists');
    const organization: ModelOrganization = { id: made.organization.id, contacts: [], keys: [] };
    addKey(organization, asShown(made.issued));
    organizations.push(organization);
  }
  return { app, organizations };
}

/** A valid key with all scopes. Where the organization has no such key left, the operator issues a new key. */
export async function mainKey({ app }: World, organization: ModelOrganization) {
  const isMain = ({ shown, secrets }: ModelOrganization['keys'][number]) =>
    shown.state === 'active' && shown.scopes.length === SCOPES.length && secrets.some(({ isOver }) => !isOver);
  const key = organization.keys.find(isMain) ?? addKey(organization, asShown(await app.issue(organization.id)));
  return { key, secret: key.secrets.find(({ isOver }) => !isOver) as ModelSecret };
}

/** The caller of an operation. */
export async function actorOf(world: World, { organization: index, key: chosen }: Operation): Promise<Actor> {
  const organization = world.organizations[index] as ModelOrganization;
  if (!chosen) return { world, organization, ...(await mainKey(world, organization)) };
  const key = pick(organization.keys, chosen.index) as Actor['key'];
  return { world, organization, key, secret: pick(key.secrets, chosen.secret) as ModelSecret };
}

export const pick = <T>(items: T[], index: number): T | undefined => items[index % Math.max(items.length, 1)];

/**
 * Finds the row that a target points to, among the organization's own rows. For a row of another organization, or no
 * row, gives an id and the failure that a call with the id must get.
 */
function find<T>(
  { world, organization }: Actor,
  { whose, index }: Target,
  { list, idOf }: { list(organization: ModelOrganization): T[]; idOf(row: T): string },
): { row?: T; id: string; failure?: Failure } {
  const others = world.organizations.filter((each) => each !== organization).flatMap(list);
  const row = whose === 'nobody' ? undefined : pick(whose === 'own' ? list(organization) : others, index);
  if (!row) return { id: NOBODY, failure: { status: 404 } };
  return whose === 'own' ? { row, id: idOf(row) } : { id: idOf(row), failure: FORBIDDEN };
}

export const findContact = (actor: Actor, target: Target) =>
  find(actor, target, { list: ({ contacts }) => contacts, idOf: ({ id }: ModelContact) => id });
export const findKey = (actor: Actor, target: Target) =>
  find(actor, target, { list: ({ keys }) => keys, idOf: ({ shown }) => shown.id });

const EXPIRED = 'API key has expired';
const ROTATED = 'A rotation replaced this secret of the key: send the key’s new secret';

const isSuccess = (status: number) => status === 200 || status === 201;

/** Makes a call through a door, and compares the answer with the answer that the model expects. */
export async function take(actor: Actor, step: Step, { door, names }: Pick<Operation, 'door' | 'names'>) {
  const { world, organization } = actor;
  const place = names === undefined ? undefined : (world.organizations.indexOf(organization) + names) % 3;
  const named = place === undefined ? undefined : world.organizations[place]?.id;
  const input = named === undefined ? step.input : { ...step.input, organizationId: named };
  const request = requestsOf(step.procedure, input)[door];
  if (!request) throw new Error(`${step.procedure} has no such door`);

  const refusal = judgeKey({ shown: actor.key.shown, secret: actor.secret }, step.scope);
  if (refusal?.status !== 401) actor.secret.isUsed = true;
  const isReplaced = actor.secret !== actor.key.secrets.at(-1);
  const isForeign = named !== undefined && named !== organization.id;
  const expected: Expected = refusal
    ? {
        status: refusal.status,
        details: { reason: refusal.reason, ...(refusal.reason === EXPIRED && isReplaced && { hint: ROTATED }) },
      }
    : isForeign
      ? FORBIDDEN
      : step.expected();

  const answer = readAnswer(request, await call(world.app, actor.secret.key, request));
  if ('accept' in expected) {
    expect({ ...answer, data: undefined }, step.procedure).toEqual({
      status: expect.toSatisfy(isSuccess),
      data: undefined,
    });
    expected.accept(answer.data);
  } else {
    const { status, details } = expected;
    const error = expected.error ?? SAYS[status] ?? answer.error;
    expect(answer).toEqual({ status, error, details });
    expect(answer.error).toBeTypeOf('string');
  }
}
