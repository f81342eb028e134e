import type { Scope } from '../../../shared/apiKeys.ts';
import {
  API_KEY,
  AUDIT_ENTRY,
  CONTACT,
  ISSUED_KEY,
  NEXT_CURSOR,
  ORGANIZATION,
  PLACE,
  REVOKED_KEY,
} from './examples.ts';

/** What the reference says of a procedure's REST route beside its schemas. */
export interface Operation {
  tag: 'Contacts' | 'API keys' | 'Organization';
  summary: string;
  description?: string;
  /** What a key needs; any will do where there is none. */
  scope?: Scope;
  /** The statuses that it has beside those that every route has. */
  errors?: (404 | 409 | 412)[];
  /** An example of what is sent, and of what the procedure answers with. */
  body?: object;
  result: object;
}

const { name, email, tags, company } = CONTACT;
const WRITTEN = { name, email, company, tags };

/** By procedure. */
export const operations: Record<string, Operation> = {
  'keys.current': { tag: 'API keys', summary: 'The key that calls', result: API_KEY },
  'keys.list': {
    tag: 'API keys',
    summary: 'List the keys',
    description: 'Newest first.',
    scope: 'keys:manage',
    result: { items: [API_KEY], nextCursor: null },
  },
  'keys.issue': {
    tag: 'API keys',
    summary: 'Issue a key',
    description: 'The one answer that holds the key itself. A key gives no scopes that it does not have.',
    scope: 'keys:manage',
    body: { name: API_KEY.name, expiresInDays: 90 },
    result: ISSUED_KEY,
  },
  'keys.get': { tag: 'API keys', summary: 'Read a key', scope: 'keys:manage', errors: [404], result: API_KEY },
  'keys.rename': {
    tag: 'API keys',
    summary: 'Rename a key',
    scope: 'keys:manage',
    errors: [404],
    body: { name: API_KEY.name },
    result: API_KEY,
  },
  'keys.revoke': {
    tag: 'API keys',
    summary: 'Revoke a key',
    description: 'At once and for good. Revoking again changes nothing. A key may revoke itself, whatever its scopes.',
    scope: 'keys:manage',
    errors: [404],
    result: REVOKED_KEY,
  },
  'keys.rotate': {
    tag: 'API keys',
    summary: 'Give a key a new secret',
    description:
      'The key keeps its id, name and scopes, and gets a fresh expiry. A revoked key cannot be rotated (409).',
    scope: 'keys:manage',
    errors: [404, 409],
    body: { graceHours: 24 },
    result: ISSUED_KEY,
  },
  'keys.places': {
    tag: 'API keys',
    summary: 'Where a key was used from',
    description: 'Networks and kinds of program, the latest first.',
    scope: 'keys:manage',
    errors: [404],
    result: { places: [PLACE] },
  },
  'organization.current': { tag: 'Organization', summary: 'The organization of the key', result: ORGANIZATION },
  'audit.list': {
    tag: 'Organization',
    summary: 'The audit log',
    description: 'What was done to keys, members and sessions, newest first. Nobody can change it.',
    scope: 'keys:manage',
    result: { items: [AUDIT_ENTRY], nextCursor: null },
  },
  'contacts.list': {
    tag: 'Contacts',
    summary: 'List or search contacts',
    description: 'Newest first. No page costs more than the first, however deep.',
    scope: 'contacts:read',
    result: { items: [CONTACT], nextCursor: NEXT_CURSOR },
  },
  'contacts.create': {
    tag: 'Contacts',
    summary: 'Create a contact',
    scope: 'contacts:write',
    errors: [409],
    body: WRITTEN,
    result: CONTACT,
  },
  'contacts.upsertMany': {
    tag: 'Contacts',
    summary: 'Create or update up to 100 contacts',
    description:
      'Matched by email. Each row has an outcome of its own, in the order of the rows; a bad one fails alone. Fields that a row leaves out stay as they are.',
    scope: 'contacts:write',
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
  'contacts.get': {
    tag: 'Contacts',
    summary: 'Read a contact',
    scope: 'contacts:read',
    errors: [404],
    result: CONTACT,
  },
  'contacts.update': {
    tag: 'Contacts',
    summary: 'Change a contact',
    description: 'Fields that are left out stay as they are; `null` empties one.',
    scope: 'contacts:write',
    errors: [404, 409, 412],
    body: { title: 'Countess', notes: null },
    result: { ...CONTACT, notes: null, version: 2 },
  },
  'contacts.delete': {
    tag: 'Contacts',
    summary: 'Delete a contact',
    description: 'It can be restored. Deleting again changes nothing.',
    scope: 'contacts:write',
    errors: [404, 412],
    result: { ...CONTACT, deletedAt: '2026-11-25T08:00:00.000Z', version: 2 },
  },
  'contacts.restore': {
    tag: 'Contacts',
    summary: 'Restore a deleted contact',
    description: 'Restoring again changes nothing. Another contact may have its email by now (409).',
    scope: 'contacts:write',
    errors: [404, 409],
    result: { ...CONTACT, version: 3 },
  },
};
