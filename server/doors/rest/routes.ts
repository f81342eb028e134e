import type { ProcedurePath } from '../../procedures/call.ts';
import type { AnswerOptions } from '../answer.ts';
import {
  API_KEY,
  AUDIT_ENTRY,
  CONTACT,
  CURRENT_KEY,
  ISSUED_KEY,
  KEY_WITH_SECRETS,
  MINTED_TOKEN,
  NEXT_CURSOR,
  ORGANIZATION,
  PLACE,
  REVOKED_KEY,
  USAGE,
} from './examples.ts';

/** A REST route: its procedure, and the words and examples of the reference beside the procedure's schemas. */
export interface Route extends AnswerOptions {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** `{id}` is the procedure's `id`. */
  path: string;
  procedure: ProcedurePath;
  /** The procedure's `id` where the path has no `{id}`, and names the key that calls. */
  id?: 'current';
  /** The name of the route in OpenAPI, where another route of the procedure has the procedure's name. */
  operationId?: string;
  /** The input field that takes the body where the body is an array: `contacts`. */
  arrayField?: string;
  /** The route takes `If-Match`, with the expected version. */
  isConditional?: true;

  tag: 'Contacts' | 'API keys' | 'Organization';
  summary: string;
  description?: string;
  /** The error statuses of the route, beside the error statuses of every route. */
  errors?: (404 | 409 | 412)[];
  /** An example of a body. */
  body?: object;
  /** An example of the procedure's result. */
  result: object;
}

const { name, email, tags, company } = CONTACT;
const WRITTEN = { name, email, company, tags };

/**
 * Every REST route. Query parameters, the fields of the body and the id of the path together are the procedure's input.
 * A path that another path's `{id}` would match stands before that other path: `/api/keys/current`, then
 * `/api/keys/{id}`.
 */
export const routes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/keys/current',
    procedure: 'keys.current',
    tag: 'API keys',
    summary: 'The key that calls',
    description: 'With the holder of the secret that calls: the person to whom the secret was shown.',
    result: CURRENT_KEY,
  },
  {
    method: 'GET',
    path: '/api/keys',
    procedure: 'keys.list',
    tag: 'API keys',
    summary: 'List the keys',
    description: 'Newest first.',
    result: { items: [API_KEY], nextCursor: null },
  },
  {
    method: 'POST',
    path: '/api/keys',
    procedure: 'keys.issue',
    status: 201,
    location: (id) => `/api/keys/${id}`,
    tag: 'API keys',
    summary: 'Issue a key',
    description:
      'The one answer that holds the key itself. A key gives no scopes that it does not have. An organization has at most 1,000 active keys (409).',
    errors: [409],
    body: { name: API_KEY.name, expiresInDays: 90 },
    result: ISSUED_KEY,
  },
  {
    method: 'GET',
    path: '/api/keys/usage',
    procedure: 'keys.usage',
    operationId: 'keys-usageOfAll',
    tag: 'API keys',
    summary: 'The calls of all keys, day by day',
    description:
      'Of the last 90 days, by outcome: of the active keys, and of up to 1,000 keys that were used in these days and are active no more. A day without calls is left out. Counts are at most a minute behind.',
    errors: [404],
    result: USAGE,
  },
  {
    method: 'GET',
    path: '/api/keys/{id}',
    procedure: 'keys.get',
    tag: 'API keys',
    summary: 'Read a key',
    description:
      'With the secrets that work, newest first. A secret works while its holder is a member, for what the holder’s role allows.',
    errors: [404],
    result: KEY_WITH_SECRETS,
  },
  {
    method: 'PATCH',
    path: '/api/keys/{id}',
    procedure: 'keys.update',
    tag: 'API keys',
    summary: 'Change a key',
    description:
      'Its name, description, environment and limits, never its scopes or its expiry. Fields that are left out stay as they are; `null` empties one. Addresses act from the next request on, a rate within a minute.',
    errors: [404],
    body: { name: API_KEY.name, environment: API_KEY.environment, allowedAddresses: API_KEY.allowedAddresses },
    result: API_KEY,
  },
  {
    method: 'DELETE',
    path: '/api/keys/{id}',
    procedure: 'keys.revoke',
    tag: 'API keys',
    summary: 'Revoke a key',
    description:
      'At once and for good, with the keys that it issued, and theirs, unless `descendants=keep`. Revoking again changes nothing. A key may revoke itself, whatever its scopes.',
    errors: [404],
    result: REVOKED_KEY,
  },
  {
    method: 'DELETE',
    path: '/api/keys/current',
    procedure: 'keys.revoke',
    operationId: 'keys-revoke-current',
    id: 'current',
    tag: 'API keys',
    summary: 'End the key or the token that calls',
    description: 'A key revokes itself. A token ends alone: its key and the key’s other tokens go on.',
    result: REVOKED_KEY,
  },
  {
    method: 'POST',
    path: '/api/keys/{id}/rotate',
    procedure: 'keys.rotate',
    tag: 'API keys',
    summary: 'Give a key a new secret',
    description:
      'The key keeps its id, name and scopes, and gets a fresh expiry, of as many days as the key had. `/api/keys/current/rotate` is for the key that calls, which may be a key without `keys:manage` that was issued with `selfRotate`. A revoked key cannot be rotated (409).',
    errors: [404, 409],
    body: { graceHours: 24 },
    result: ISSUED_KEY,
  },
  {
    method: 'POST',
    path: '/api/keys/{id}/end-grace',
    procedure: 'keys.endGrace',
    tag: 'API keys',
    summary: 'Cut off the older secrets of a key',
    description: 'At once: of a key that was rotated, the newest secret alone goes on. A revoked key has none (409).',
    errors: [404, 409],
    result: KEY_WITH_SECRETS,
  },
  {
    method: 'GET',
    path: '/api/keys/{id}/places',
    procedure: 'keys.places',
    tag: 'API keys',
    summary: 'Where a key was used from',
    description: 'Networks and kinds of program, the latest first. `proposedAddresses` are these networks.',
    errors: [404],
    result: { places: [PLACE], proposedAddresses: [PLACE.address] },
  },
  {
    method: 'POST',
    path: '/api/keys/current/tokens',
    procedure: 'keys.mintToken',
    status: 201,
    tag: 'API keys',
    summary: 'Mint a token',
    description:
      'A short-lived credential for a browser, or for a single task of an agent. A token is sent as a key is, and counts as its key. It has no `keys:manage`, ends with the secret that minted it, and can neither mint nor rotate. A key has at most 100 tokens that work (409).',
    errors: [409],
    body: { expiresInMinutes: 60, scopes: ['contacts:read'] },
    result: MINTED_TOKEN,
  },
  {
    method: 'GET',
    path: '/api/keys/{id}/usage',
    procedure: 'keys.usage',
    tag: 'API keys',
    summary: 'The calls of a key, day by day',
    description:
      'Of the last 90 days, by outcome. A day without calls is left out. Counts are at most a minute behind.',
    errors: [404],
    result: USAGE,
  },
  {
    method: 'GET',
    path: '/api/organization',
    procedure: 'organization.current',
    tag: 'Organization',
    summary: 'The organization of the key',
    result: ORGANIZATION,
  },
  {
    method: 'GET',
    path: '/api/audit',
    procedure: 'audit.list',
    tag: 'Organization',
    summary: 'The audit log',
    description: 'What was done to keys, members and sessions, newest first. Nobody can change it.',
    result: { items: [AUDIT_ENTRY], nextCursor: null },
  },
  {
    method: 'GET',
    path: '/api/contacts',
    procedure: 'contacts.list',
    tag: 'Contacts',
    summary: 'List or search contacts',
    description:
      'Newest first, or by `sort`. A contact must meet every condition. No page costs more than the first, however deep. Lists in the query are separated by commas, or repeated: `?tags=vip,berlin&fields=name,email`; ask for a tag with a comma by `tag`.',
    result: { items: [CONTACT], nextCursor: NEXT_CURSOR },
  },
  {
    method: 'GET',
    path: '/api/contacts/count',
    procedure: 'contacts.count',
    tag: 'Contacts',
    summary: 'Count contacts',
    description:
      'The contacts that a list of the same conditions has, up to 100,000. Of more contacts `count` is 100,000, and `isExact` is `false`.',
    result: { count: 1_815, isExact: true },
  },
  {
    method: 'POST',
    path: '/api/contacts',
    procedure: 'contacts.create',
    status: 201,
    location: (id) => `/api/contacts/${id}`,
    hasVersion: true,
    tag: 'Contacts',
    summary: 'Create a contact',
    errors: [409],
    body: WRITTEN,
    result: CONTACT,
  },
  {
    method: 'POST',
    path: '/api/contacts/batch',
    procedure: 'contacts.upsertMany',
    arrayField: 'contacts',
    tag: 'Contacts',
    summary: 'Create or update up to 100 contacts',
    description:
      'A row changes the contact of its id, else of any of its emails, else of its LinkedIn address; where none has it, the row makes a contact, and where several have it, it fails with their ids in `details`. Each row has an outcome of its own, in the order of the rows; a bad one fails alone. Fields that a row leaves out stay as they are.',
    body: { contacts: [WRITTEN, { name: 'Grace Hopper', linkedinUrl: 'ftp://example.com/grace' }] },
    result: {
      results: [
        { index: 0, outcome: 'created', id: CONTACT.id, version: 1 },
        {
          index: 1,
          outcome: 'failed',
          error: 'Invalid request',
          issues: [{ path: ['linkedinUrl'], message: 'Not an http(s) address' }],
        },
      ],
    },
  },
  {
    method: 'GET',
    path: '/api/contacts/tags',
    procedure: 'contacts.tags',
    tag: 'Contacts',
    summary: 'The tags of contacts, with their counts',
    description:
      'The most used first: of all tags, or of those that begin with `prefix`, the first 1,000. Counts of many contacts may be a minute old.',
    result: { items: [{ tag: 'maths', count: 2 }], nextCursor: null },
  },
  {
    method: 'POST',
    path: '/api/contacts/update',
    procedure: 'contacts.updateMany',
    tag: 'Contacts',
    summary: 'Change every contact that meets conditions',
    description:
      'All or none: up to 10,000 contacts, in one transaction, which may take some seconds. At least one condition is given, as for a list, and at least one change. Deleting and restoring go alone; to restore looks among the deleted contacts, and where an email is taken by now nothing is restored (409: `details.id` is the contact, `details.existingId` who has its email). With `dryRun` the answer says which contacts would change.',
    errors: [409],
    body: { where: { company: 'Analytical Engines' }, set: { location: 'London' }, addTags: ['customer'] },
    result: { matched: 2, updated: 1, unchanged: 1, ids: [CONTACT.id] },
  },
  {
    method: 'POST',
    path: '/api/contacts/get',
    procedure: 'contacts.getMany',
    tag: 'Contacts',
    summary: 'Read up to 100 contacts',
    description:
      'By ids, by emails, or by both. What is not there is named. An id of another organization refuses the call (403).',
    body: { ids: [CONTACT.id], emails: ['grace@example.com'] },
    result: {
      contacts: [CONTACT],
      missing: { ids: [], emails: ['grace@example.com'] },
      unread: { ids: [], emails: [] },
    },
  },
  {
    method: 'GET',
    path: '/api/contacts/{id}',
    procedure: 'contacts.get',
    hasVersion: true,
    isRevalidated: true,
    tag: 'Contacts',
    summary: 'Read a contact',
    description: 'With `If-None-Match` and the `ETag` of a former answer: 304 while the contact is as it was.',
    errors: [404],
    result: CONTACT,
  },
  {
    method: 'PATCH',
    path: '/api/contacts/{id}',
    procedure: 'contacts.update',
    hasVersion: true,
    isConditional: true,
    tag: 'Contacts',
    summary: 'Change a contact',
    description:
      'Fields that are left out stay as they are; `null` or an empty text empties one. `customFields` are patched, as RFC 7396 says. What a `GET` gave can be sent back: what the service sets must be as it is.',
    errors: [404, 409, 412],
    body: { title: 'Countess', notes: null },
    result: { ...CONTACT, notes: null, version: 2 },
  },
  {
    method: 'DELETE',
    path: '/api/contacts/{id}',
    procedure: 'contacts.delete',
    hasVersion: true,
    isConditional: true,
    tag: 'Contacts',
    summary: 'Delete a contact',
    description: 'It can be restored. Deleting again changes nothing.',
    errors: [404, 412],
    result: { ...CONTACT, deletedAt: '2026-11-25T08:00:00.000Z', version: 2 },
  },
  {
    method: 'POST',
    path: '/api/contacts/{id}/restore',
    procedure: 'contacts.restore',
    hasVersion: true,
    tag: 'Contacts',
    summary: 'Restore a deleted contact',
    description: 'Restoring again changes nothing. Another contact may have its email by now (409).',
    errors: [404, 409],
    result: { ...CONTACT, version: 3 },
  },
];
