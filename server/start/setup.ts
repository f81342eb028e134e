import { randomBytes } from 'node:crypto';
import { insertUser } from '../../db/accounts.ts';
import { enterAsOperator, type Tenant } from '../../db/admission.ts';
import { type IssuedBy, insertApiKey, type KeySettings } from '../../db/apiKeys.ts';
import { upsertContacts } from '../../db/contactUpsert.ts';
import { insertMember } from '../../db/members.ts';
import type { Database } from '../../db/open.ts';
import { insertOrganization } from '../../db/organizations.ts';
import type { Outcome } from '../../db/outcome.ts';
import { insertAwaitedOwner } from '../../db/verifiedAddress.ts';
import type { IssuedKey, Scope } from '../../shared/apiKeys.ts';
import type { ContactInput } from '../../shared/contacts.ts';
import { EXPIRY_DAYS } from '../../shared/keyFormat.ts';
import type { Organization } from '../../shared/organizations.ts';
import { SCOPES } from '../../shared/scopes.ts';
import { toAccountAddress } from '../../shared/text.ts';
import { type KeySecrets, mintKey } from '../auth/keySecret.ts';

interface NewKey {
  organizationId: string;
  name: string;
  scopes?: Scope[];
  expiresInDays?: number;
  issuedBy: IssuedBy;
  settings?: KeySettings;
}

/**
 * Issues a key for the operator: with all scopes and 90 days unless given. No scopes of a caller limit the key.
 * Failure: `tooManyKeys`.
 */
export async function issueKey(db: Tenant, keySecrets: KeySecrets, newKey: NewKey): Promise<Outcome<IssuedKey>> {
  const { key, ...secret } = mintKey(keySecrets);
  const { scopes = [...SCOPES], expiresInDays = EXPIRY_DAYS.default } = newKey;
  const apiKey = await insertApiKey(db, { ...newKey, scopes, expiresInDays, secret });
  return 'failure' in apiKey ? apiKey : { key, apiKey };
}

export interface NewOrganization {
  name: string;
  /** The owner's email address. */
  email: string;
  /** The password of an owner without an account. Without `password`, that owner sets a password by a reset. */
  password?: string;
  contacts?: readonly ContactInput[];
}

/**
 * Makes an organization, its owner, a first key with all scopes and its first contacts, all in a single transaction.
 * Where the owner's account is there already, and its address is not verified, the account may be a stranger's: its person
 * becomes the owner once the address is verified. `undefined` where the name is taken.
 */
export async function setUpOrganization(
  db: Database,
  keySecrets: KeySecrets,
  { name, email, password, contacts = [] }: NewOrganization,
): Promise<NewlySetUp | undefined> {
  const passwordHash = password === undefined ? undefined : await hash(password);
  return await db.root.transaction().execute(async (trx) => {
    const organization = await insertOrganization(trx, name);
    if (!organization) return undefined;
    const { id: organizationId } = organization;
    const owner = await insertUser(trx, { email, passwordHash });
    await enterAsOperator(trx, db, organizationId);
    if (owner.isVerified) await insertMember(trx, { organizationId, userId: owner.id, role: 'owner' });
    else await insertAwaitedOwner(trx, { organizationId, userId: owner.id, email });
    const issuedBy = { type: 'person', id: owner.id, name: toAccountAddress(email) } as const;
    const issued = await issueKey(trx, keySecrets, { organizationId, name: 'First key', issuedBy });
    if ('failure' in issued) throw new Error('A new organization takes no key');
    const rows = contacts.map((input, index) => ({ index, input }));
    if (rows.length > 0) await upsertContacts(trx, { organizationId, rows });
    return { organization, issued, isNewOwner: owner.isNew, awaited: owner.isVerified ? undefined : owner.id };
  });
}

async function hash(password: string): Promise<string> {
  const { hashPassword } = await import('better-auth/crypto');
  return await hashPassword(password);
}

export interface NewlySetUp {
  organization: Organization;
  issued: IssuedKey;
  /** False where the owner had an account already. The account then keeps its password. */
  isNewOwner: boolean;
  /** The account whose person becomes the owner once the address is verified; `undefined` where there is an owner. */
  awaited: string | undefined;
}

/** Makes a first password: 20 characters of base64url, 120 random bits. */
export const generatePassword = () => randomBytes(15).toString('base64url');

/** A line for a shell that calls the service with a key. */
export const curlLine = (key: string, address: string) => `curl -H 'Authorization: Bearer ${key}' ${address}`;

/** A few contacts to try things with. */
export const sampleContacts: readonly ContactInput[] = [
  {
    name: 'Ada Lovelace',
    email: 'ada@example.com',
    company: 'Analytical Engines',
    title: 'Programmer',
    location: 'London',
    tags: ['friend', 'mathematics'],
  },
  { name: 'Grace Hopper', email: 'grace@example.com', company: 'US Navy', title: 'Rear Admiral', tags: ['compilers'] },
  {
    name: 'Katherine Johnson',
    email: 'katherine@example.com',
    company: 'NASA',
    title: 'Mathematician',
    tags: ['mathematics'],
  },
  { name: 'Hedy Lamarr', email: 'hedy@example.com', title: 'Inventor', location: 'Vienna', phone: '+43 1 5550100' },
  {
    name: 'Alan Turing',
    email: 'alan@example.com',
    company: 'Bletchley Park',
    notes: 'Met at the chess club.',
    customFields: { introducedBy: 'Joan Clarke' },
  },
];
