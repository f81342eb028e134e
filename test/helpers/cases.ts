import type { Scope } from '../../shared/apiKeys.ts';
import { SCOPES } from '../../shared/scopes.ts';
import type { Input } from './doors.ts';
import type { TestApp, TestOrganization } from './testApp.ts';

/** The contract's row for a procedure, and inputs for calls. */
export interface Case {
  scope?: Scope;
  /** A key without the scope may still call the procedure with the key's own id. */
  isOwnAllowed?: true;
  rest?: [route: string, status: number];
  /** Further routes of the procedure, with the same status. */
  moreRoutes?: string[];
  /** The kind of row that the input's `id` names. */
  target?: 'contact' | 'deletedContact' | 'apiKey';
  /** A valid input, without the `id`. */
  input: Input;
  /** Fields that make an input invalid, whatever the `id`. */
  invalid: Input;
}

/** The contract's table of procedures. */
export const CASES: Record<string, Case> = {
  'keys.current': { rest: ['GET /api/keys/current', 200], input: {}, invalid: { more: '1' } },
  'keys.list': { scope: 'keys:manage', rest: ['GET /api/keys', 200], input: { limit: 10 }, invalid: { limit: 0 } },
  'keys.get': {
    scope: 'keys:manage',
    rest: ['GET /api/keys/{id}', 200],
    target: 'apiKey',
    input: {},
    invalid: { id: 'none' },
  },
  'keys.places': {
    scope: 'keys:manage',
    rest: ['GET /api/keys/{id}/places', 200],
    target: 'apiKey',
    input: {},
    invalid: { id: 'none' },
  },
  'keys.usage': {
    scope: 'keys:manage',
    rest: ['GET /api/keys/{id}/usage', 200],
    moreRoutes: ['GET /api/keys/usage'],
    target: 'apiKey',
    input: {},
    invalid: { id: 'none' },
  },
  'organization.current': { rest: ['GET /api/organization', 200], input: {}, invalid: { more: '1' } },
  'audit.list': {
    scope: 'keys:manage',
    rest: ['GET /api/audit', 200],
    input: { limit: 10, action: 'apiKey.issued' },
    invalid: { limit: 0 },
  },
  'keys.issue': {
    scope: 'keys:manage',
    rest: ['POST /api/keys', 201],
    input: { name: 'issued', scopes: ['keys:manage'] },
    invalid: { name: '' },
  },
  'keys.rename': {
    scope: 'keys:manage',
    target: 'apiKey',
    input: { name: 'renamed' },
    invalid: { name: 7 },
  },
  'keys.update': {
    scope: 'keys:manage',
    rest: ['PATCH /api/keys/{id}', 200],
    target: 'apiKey',
    input: { name: 'changed', description: 'What it is for', environment: 'staging', selfRotate: true },
    invalid: { environment: 'test' },
  },
  'keys.endGrace': {
    scope: 'keys:manage',
    rest: ['POST /api/keys/{id}/end-grace', 200],
    target: 'apiKey',
    input: {},
    invalid: { more: 1 },
  },
  'keys.rotate': {
    scope: 'keys:manage',
    rest: ['POST /api/keys/{id}/rotate', 200],
    target: 'apiKey',
    input: { graceHours: 1 },
    invalid: { graceHours: 169 },
  },
  'keys.mintToken': {
    rest: ['POST /api/keys/current/tokens', 201],
    input: { expiresInMinutes: 5 },
    invalid: { expiresInMinutes: 4 },
  },
  'keys.revoke': {
    scope: 'keys:manage',
    isOwnAllowed: true,
    rest: ['DELETE /api/keys/{id}', 200],
    moreRoutes: ['DELETE /api/keys/current'],
    target: 'apiKey',
    input: {},
    invalid: { id: 'none' },
  },
  'contacts.list': {
    scope: 'contacts:read',
    rest: ['GET /api/contacts', 200],
    input: { search: 'contact', limit: 10 },
    invalid: { limit: 201 },
  },
  'contacts.count': {
    scope: 'contacts:read',
    rest: ['GET /api/contacts/count', 200],
    input: { search: 'contact' },
    invalid: { updatedSince: 'yesterday' },
  },
  'contacts.get': {
    scope: 'contacts:read',
    rest: ['GET /api/contacts/{id}', 200],
    target: 'contact',
    input: {},
    invalid: { id: 'none' },
  },
  'contacts.create': {
    scope: 'contacts:write',
    rest: ['POST /api/contacts', 201],
    input: { name: 'created' },
    invalid: { name: '' },
  },
  'contacts.update': {
    scope: 'contacts:write',
    rest: ['PATCH /api/contacts/{id}', 200],
    target: 'contact',
    input: { notes: 'updated' },
    invalid: { tags: 'none' },
  },
  'contacts.delete': {
    scope: 'contacts:write',
    rest: ['DELETE /api/contacts/{id}', 200],
    target: 'contact',
    input: {},
    invalid: { expectedVersion: -1 },
  },
  'contacts.restore': {
    scope: 'contacts:write',
    rest: ['POST /api/contacts/{id}/restore', 200],
    target: 'deletedContact',
    input: {},
    invalid: { more: 1 },
  },
  'contacts.upsertMany': {
    scope: 'contacts:write',
    rest: ['POST /api/contacts/batch', 200],
    input: { contacts: [{ name: 'upserted', email: 'contact@example.com' }] },
    invalid: { contacts: [] },
  },
};

/** The procedures for people alone, with valid inputs. Only tRPC has these procedures, and a key's call is refused. */
export const FOR_PEOPLE: Record<string, Input> = {
  'contacts.erase': { ids: ['01890000-0000-7000-8000-000000000000'] },
  'session.current': {},
  'organization.delete': { name: 'the name of another organization' },
  'members.list': {},
  'members.invite': { email: 'invited@example.com' },
  'members.cancelInvitation': { id: '01890000-0000-7000-8000-000000000000' },
  'members.changeRole': { id: '01890000-0000-7000-8000-000000000000', role: 'admin' },
  'members.keys': { id: '01890000-0000-7000-8000-000000000000' },
  'members.requireFactor': { isRequired: false },
  'members.remove': { id: '01890000-0000-7000-8000-000000000000' },
};

/** All scopes except `scope`. */
export const allBut = (scope: Scope): Scope[] => SCOPES.filter((each) => each !== scope);

export type Targets = Record<NonNullable<Case['target']>, string>;

/** Makes rows of an organization for the procedures to be called with, and gives their ids. */
export async function makeTargets(app: TestApp, { id, key }: TestOrganization): Promise<Targets> {
  const { contacts } = app.trpc(key);
  const contact = await contacts.create.mutate({ name: 'A contact' });
  const deleted = await contacts.create.mutate({ name: 'A deleted contact' });
  await contacts.delete.mutate({ id: deleted.id });
  const { apiKey } = await app.issue(id, { name: 'a spare key' });
  return { contact: contact.id, deletedContact: deleted.id, apiKey: apiKey.id };
}

export const inputOf = ({ target, input }: Case, targets: Targets): Input =>
  target ? { id: targets[target], ...input } : input;
export const invalidInputOf = ({ target, input, invalid }: Case, targets: Targets): Input => ({
  ...(target && { id: targets[target] }),
  ...input,
  ...invalid,
});
