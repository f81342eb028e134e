import { expect } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { insertMember, listMembers } from '../../db/members.ts';
import { objectOf } from '../../server/doors/schemas.ts';
import { type ProcedurePath, procedures } from '../../server/procedures/call.ts';
import { setUpOrganization } from '../../server/start/setup.ts';
import type { IssuedKey, Scope } from '../../shared/apiKeys.ts';
import type { Role } from '../../shared/people.ts';
import { SCOPES } from '../../shared/scopes.ts';
import { addPerson, type Browser, signedIn, type TestPerson } from './browser.ts';
import { call, type DoorRequest, type Input, readAnswer, requestsOf } from './doors.ts';
import { beginUse, isAbove, judgeSecret, type ModelCaller, reasonAgainst } from './keyModel.ts';
import type { ModelContact, ModelKey, ModelKeyRow, ModelOrganization, ModelPerson, ModelSecret } from './modelRows.ts';
import type { Act, Operation, Target } from './operations.ts';
import { runAsAdmin } from './tables.ts';
import type { TestApp } from './testApp.ts';

/** The service and the model: the rows that each organization should have. */
export interface World {
  app: TestApp;
  organizations: ModelOrganization[];
  /** People with accounts. To sign in takes long, so the same people join the organizations of each world. */
  accounts: Account[];
  /** The number of calls so far. */
  step: number;
}

interface Account extends TestPerson {
  /** A browser in which the person is signed in, and the organization that the browser is in. */
  browser?: Browser | undefined;
  active?: string | undefined;
}

/** The organization that makes a call, and the caller: a person, or a secret, which may be refused. */
export interface Actor {
  world: World;
  organization: ModelOrganization;
  caller: ModelCaller;
  /** The key that calls; `undefined` where a person calls. */
  key?: ModelKeyRow | undefined;
}

/** A refusal with a status, a text and details. Without `error` the text of `SAYS` is expected, or else any text. */
export interface Failure {
  status: number;
  error?: string;
  details?: object | undefined;
}
/** The expected answer: a failure, or an answer that `accept` checks and adds to the model. */
// biome-ignore lint/suspicious/noExplicitAny: an answer of any procedure
export type Expected = Failure | { accept(data: any): void | Promise<void> };

/**
 * A call, and the answer that is expected where the caller is valid, may use the scope, and belongs to the named
 * organization.
 */
export interface Step {
  procedure: string;
  input: Input;
  scope?: Scope | undefined;
  /** The refusal of this caller, whatever the input. */
  refusal?: Failure | undefined;
  expected(): Expected;
}

const NOBODY = '01890000-0000-7000-8000-000000000000';
const FORBIDDEN = { status: 403, error: 'You do not have permission to access this resource' };
const SAYS: Record<number, string> = { 401: 'API key authentication failed', 403: FORBIDDEN.error };

/**
 * A key without the time of its last use, which the service records after the answer, and without what only some
 * answers show.
 */
export function shownKey({ lastUsedAt, secrets: _, holder: __, descendants: ___, ...shown }: Record<string, unknown>) {
  expect([null, 'string']).toContain(lastUsedAt === null ? null : typeof lastUsedAt);
  return shown as unknown as ModelKey;
}

interface Issued {
  key: string;
  apiKey: object;
  /** By default the operator issued the key. */
  holder?: ModelPerson | null;
}

/** Adds an issued key to the model. */
export function addKey(organization: ModelOrganization, { key, apiKey, holder = null }: Issued) {
  const entry: ModelKeyRow = {
    shown: shownKey(apiKey as Record<string, unknown>),
    secrets: [{ key, holder, isOver: false }],
  };
  organization.keys.push(entry);
  return entry;
}

const asShown = (issued: IssuedKey) => JSON.parse(JSON.stringify(issued)) as { key: string; apiKey: object };

/** Makes organizations, each with an owner and an admin. `accounts`: the people of the worlds before. */
export async function createWorld(app: TestApp, count: number, accounts: Account[]): Promise<World> {
  const world: World = { app, organizations: [], accounts, step: 0 };
  for (let index = 0; index < count; index++) {
    const named = { name: `Model ${crypto.randomUUID()}`, email: 'owner@example.com' };
    const made = await setUpOrganization(app.db, app.keySecrets, named);
    if (!made) throw new Error('The organization exists');
    const organization: ModelOrganization = { id: made.organization.id, contacts: [], keys: [], people: [] };
    addKey(organization, asShown(made.issued));
    world.organizations.push(organization);
    for (const role of ['owner', 'admin'] as const) await joinOrganization(world, organization, { role });
  }
  // An admin of the organization that makes most calls holds a key from the beginning.
  const [organization] = world.organizations as [ModelOrganization];
  const holder = organization.people.at(-1) as ModelPerson;
  const { trpc } = await browserOf({ world, organization }, holder);
  const issued = await trpc.keys.issue.mutate({ name: 'held', scopes: [...SCOPES] });
  addKey(organization, { ...asShown(issued), holder });
  return world;
}

/** Makes a person who was removed, or else another person, a member of the organization. */
export async function joinOrganization(
  { app, organizations, accounts }: World,
  organization: ModelOrganization,
  { role, before }: { role: Role; before?: ModelPerson | undefined },
) {
  const known = organizations.flatMap(({ people }) => people);
  let account = accounts.find(({ userId }) => !known.some(({ id }) => id === userId));
  if (!before && !account) accounts.push((account = await addPerson(app)));
  const { id, name } = before ?? { id: account?.userId as string, name: account?.email as string };
  const tenant = asOperator(app.db, organization.id);
  await insertMember(tenant, { organizationId: organization.id, userId: id, role });
  const members = await listMembers(tenant, organization.id);
  const memberId = members.find(({ person }) => person.id === id)?.id as string;
  if (before) Object.assign(before, { memberId, role });
  else organization.people.push({ id, name, memberId, role });
}

/** The browser of a person, in the organization. The person signs in with the first call. */
async function browserOf({ world, organization }: Pick<Actor, 'world' | 'organization'>, { id }: ModelPerson) {
  const account = world.accounts.find(({ userId }) => userId === id) as Account;
  account.browser ??= await signedIn(world.app, account);
  if (account.active !== organization.id) {
    const where = `where user_id = '${id}'`;
    // The service's own route takes 300 calls a minute.
    await runAsAdmin(world.app, `update sessions set active_organization_id = '${organization.id}' ${where}`);
    account.active = organization.id;
  }
  return account.browser;
}

/** A removal ends the sessions of a person. */
export function signOut({ accounts }: World, { id }: ModelPerson) {
  const account = accounts.find(({ userId }) => userId === id) as Account;
  account.browser = account.active = undefined;
}

/** A valid key of the operator with all scopes. Where the organization has no such key left, makes a new key. */
export async function mainKey({ app }: World, organization: ModelOrganization) {
  const isMain = ({ isOver, holder }: ModelSecret) => !isOver && holder === null;
  const key =
    organization.keys.find(
      ({ shown, secrets }) => shown.state === 'active' && shown.scopes.length === SCOPES.length && secrets.some(isMain),
    ) ?? addKey(organization, asShown(await app.issue(organization.id)));
  return { key, secret: key.secrets.find(isMain) as ModelSecret };
}

const FOR_PEOPLE: Act['act'][] = ['changeRole', 'removeMember', 'heldKeys'];

/**
 * The caller of an operation. An owner or an admin does what is for people alone, unless the operation names a caller.
 */
export async function actorOf(world: World, { organization: index, caller: chosen, act }: Operation): Promise<Actor> {
  const organization = world.organizations[index] as ModelOrganization;
  const byKey = (caller: { key: ModelKeyRow; secret: ModelSecret }) => ({
    world,
    organization,
    caller,
    key: caller.key,
  });
  const members = organization.people.filter(({ role }) => role !== null);
  const leading = FOR_PEOPLE.includes(act.act) ? members.find(({ role }) => isAbove(role, 'member')) : undefined;
  const person = chosen && 'person' in chosen ? pick(members, chosen.person) : chosen ? undefined : leading;
  if (person) return { world, organization, caller: { person } };
  if (!chosen || 'person' in chosen) return byKey(await mainKey(world, organization));
  const key = pick(organization.keys, chosen.index) as ModelKeyRow;
  return byKey({ key, secret: pick(key.secrets, chosen.secret) as ModelSecret });
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

const isSuccess = (status: number) => status === 200 || status === 201;

/** Sends a request as the caller. */
async function send(actor: Actor, request: DoorRequest) {
  const { world, caller } = actor;
  if ('secret' in caller) return await call(world.app, caller.secret.key, request);
  return await (await browserOf(actor, caller.person)).call(request.method, request.path, request.body);
}

/** The refusal of the caller; `undefined` where the caller may call. */
function refusalOf({ caller }: Actor, { scope, refusal }: Step): Failure | undefined {
  const details = 'secret' in caller ? judgeSecret(caller.key, caller.secret) : undefined;
  if (details) return { status: 401, details };
  const reason = scope && reasonAgainst(caller, [scope]);
  return reason ? { status: 403, details: { reason } } : refusal;
}

/**
 * Notes the first use of the secret that called. The older secrets' grace may begin with the use, once it is recorded.
 */
async function noteUse({ world, caller }: Actor) {
  if (!('secret' in caller) || caller.secret.isUsed) return;
  beginUse(caller.key, caller.secret);
  if (caller.secret.graceAfterUse === undefined) return;
  // The record of a first use begins after the answer.
  await new Promise(setImmediate);
  await world.app.deps.lastUse.flush();
}

const takesDryRun = ({ procedure }: Step) => 'dryRun' in objectOf(procedures[procedure as ProcedurePath].input).shape;

/** An answer without what differs between a dry run and its call: times, and the ids of new contacts. */
const settled = (answer: object) =>
  JSON.parse(
    JSON.stringify(answer)
      .replaceAll(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, '"instant"')
      .replaceAll(/"lastUsedAt":(null|"instant")/g, '"lastUsedAt":"instant"')
      .replaceAll(/"id":"[^"]+"/g, '"id":"id"')
      // A row may fit contacts that earlier rows make.
      .replaceAll(/"details":\{"ids":\[[^\]]*\]\}/g, '"details":"ids"'),
  );

/** Makes a call through a door, and compares the answer with the answer that the model expects. */
export async function take(
  actor: Actor,
  step: Step,
  { door, names, isDryFirst = false }: Pick<Operation, 'door' | 'names'> & { isDryFirst?: boolean },
) {
  const { world, organization } = actor;
  world.step += 1;
  const place = names === undefined ? undefined : (world.organizations.indexOf(organization) + names) % 3;
  const named = place === undefined ? undefined : world.organizations[place]?.id;
  const input = named === undefined ? step.input : { ...step.input, organizationId: named };
  const requestWith = (more: Input) => {
    const requests = requestsOf(step.procedure, { ...input, ...more });
    return (requests[door] ?? requests[0]) as DoorRequest;
  };
  const request = requestWith({});

  const refusal = refusalOf(actor, step);
  const isForeign = named !== undefined && named !== organization.id;
  const dry = isDryFirst && takesDryRun(step) ? await send(actor, requestWith({ dryRun: true })) : undefined;
  const answer = readAnswer(request, await send(actor, request));
  // What the dry run wrote would be in the answer of the call, or in the tables.
  if (dry) expect(settled(readAnswer(request, dry))).toEqual(settled(answer));
  if (refusal?.status !== 401) await noteUse(actor);
  const expected: Expected = refusal ?? (isForeign ? FORBIDDEN : step.expected());
  if ('accept' in expected) {
    expect({ ...answer, data: undefined }, step.procedure).toEqual({
      status: expect.toSatisfy(isSuccess),
      data: undefined,
    });
    await expected.accept(answer.data);
  } else {
    const { status, details } = expected;
    const error = expected.error ?? SAYS[status] ?? answer.error;
    expect(answer).toEqual({ status, error, details });
    expect(answer.error).toBeTypeOf('string');
  }
}
