import type { z } from 'zod';
import type { ApiKey, ApiKeyDetails, CurrentKey } from '../../../shared/apiKeys.ts';
import type { ApiKeyUsage } from '../../../shared/apiKeyUsage.ts';
import type { AuditEntry } from '../../../shared/audit.ts';
import type { Contact } from '../../../shared/contacts.ts';
import { KEY_PREFIX } from '../../../shared/keyFormat.ts';

/** A type as JSON carries it: dates are text in ISO 8601, `2026-11-24T09:30:00.000Z`. */
type Wire<T> = {
  [K in keyof T]: T[K] extends Date
    ? string
    : T[K] extends Date | null
      ? string | null
      : T[K] extends (infer Item extends { createdAt: Date })[]
        ? Wire<Item>[]
        : T[K];
};

export const ORGANIZATION = { id: '019ab8f0-5c3e-7d21-9a44-3f0e6b7a9c01', name: 'Example' };
const PERSON = { id: '019ab8f0-5c3e-7f60-8b1d-52c7d40a1e02', name: 'owner@example.com' };

export const CONTACT: Wire<z.input<typeof Contact>> = {
  id: '019ab8f2-77a0-7c1e-b3d5-0a9f4e6c2d03',
  organizationId: ORGANIZATION.id,
  name: 'Ada Lovelace',
  email: 'ada@example.com',
  phone: '+44 20 7946 0958',
  otherEmails: ['ada@analytical.example'],
  otherPhones: ['+44 20 7946 0959'],
  company: 'Analytical Engines',
  title: 'Countess',
  location: 'London',
  linkedinUrl: 'https://www.linkedin.com/in/ada',
  notes: 'Met at the demonstration.',
  tags: ['maths'],
  customFields: { born: 1815 },
  createdAt: '2026-11-24T09:30:00.000Z',
  updatedAt: '2026-11-24T09:30:00.000Z',
  deletedAt: null,
  version: 1,
};

export const API_KEY: Wire<ApiKey> = {
  id: '019ab8f1-02b4-7e9a-8c6f-71d3a5b8e404',
  organizationId: ORGANIZATION.id,
  name: 'Nightly import',
  description: 'Reads the address books of the sales team',
  environment: 'production',
  selfRotate: false,
  rateLimit: null,
  allowedAddresses: ['203.0.113.0/24'],
  addressMode: 'enforce',
  hint: '1a2b3c4d',
  scopes: ['contacts:read', 'contacts:write'],
  state: 'active',
  createdBy: { type: 'person', ...PERSON },
  createdAt: '2026-11-24T09:30:00.000Z',
  expiresAt: '2027-02-22T09:30:00.000Z',
  lastUsedAt: '2026-11-25T06:00:12.345Z',
  revokedAt: null,
};
const HOLDER = { id: PERSON.id, name: PERSON.name };
export const CURRENT_KEY: Wire<CurrentKey> = { ...API_KEY, holder: HOLDER, token: null };
export const KEY_WITH_SECRETS: Wire<ApiKeyDetails> = {
  ...API_KEY,
  secrets: [
    {
      type: 'secret',
      hint: API_KEY.hint,
      scopes: API_KEY.scopes,
      holder: HOLDER,
      createdAt: API_KEY.createdAt,
      expiresAt: API_KEY.expiresAt,
      lastUsedAt: API_KEY.lastUsedAt,
    },
  ],
};
export const REVOKED_KEY = { ...API_KEY, state: 'revoked', revokedAt: '2026-11-25T08:00:00.000Z', descendants: [] };
export const ISSUED_KEY = {
  key: `${KEY_PREFIX}${API_KEY.hint}${'0'.repeat(56)}`,
  apiKey: { ...API_KEY, lastUsedAt: null },
};

export const MINTED_TOKEN = {
  token: `${KEY_PREFIX}5e6f7a8b${'0'.repeat(56)}`,
  expiresAt: '2026-11-25T09:30:00.000Z',
};

export const PLACE = {
  address: '203.0.113.0/24',
  userAgent: 'curl',
  firstUsedAt: '2026-11-24T09:31:00.000Z',
  lastUsedAt: '2026-11-25T06:00:12.345Z',
  secrets: [{ hint: API_KEY.hint, lastUsedAt: '2026-11-25T06:00:12.345Z' }],
};

export const USAGE: ApiKeyUsage = {
  from: '2026-08-28',
  to: '2026-11-25',
  keys: [
    {
      id: API_KEY.id,
      name: API_KEY.name,
      hint: API_KEY.hint,
      state: 'active',
      total: { ok: 2410, clientError: 12, limited: 3, failed: 0 },
      days: [
        { date: '2026-11-24', ok: 1204, clientError: 12, limited: 0, failed: 0 },
        { date: '2026-11-25', ok: 1206, clientError: 0, limited: 3, failed: 0 },
      ],
    },
  ],
};

export const AUDIT_ENTRY: Wire<AuditEntry> = {
  id: '019ab8f1-02b5-7a10-94e2-6c8b1f3d7a05',
  at: '2026-11-24T09:30:00.000Z',
  actor: { type: 'person', ...PERSON },
  action: 'apiKey.issued',
  subject: { type: 'apiKey', id: API_KEY.id, name: API_KEY.name },
  details: { scopes: API_KEY.scopes, hint: API_KEY.hint, expiresAt: API_KEY.expiresAt },
};

export const NEXT_CURSOR = 'AZq48negfB6z1QqfTmwtAw';
