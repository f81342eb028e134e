import type { ColumnType, Generated, GeneratedAlways } from 'kysely';

/** A column that the database fills once, at insertion, unless told otherwise. */
type Stamp = ColumnType<Date, Date | undefined, Date>;
/** JSON goes in as text, so that no driver guesses between a JSON array and a PostgreSQL one. */
type JsonObject = ColumnType<Record<string, unknown>, string | undefined, string>;

interface OrganizationsTable {
  id: string;
  name: string;
  /** better-auth's, as `logo` and `metadata`: we use none of them. */
  slug: Generated<string>;
  logo: string | null;
  metadata: string | null;
  created_at: Stamp;
}

interface ApiKeysTable {
  organization_id: string;
  id: string;
  name: string;
  /** The first 8 hexadecimal characters of the newest secret. */
  hint: string;
  scopes: string[];
  created_by_type: 'person' | 'key';
  created_by_id: string;
  created_by_name: string;
  created_at: Stamp;
  expires_at: Date;
  revoked_at: Date | null;
  last_used_at: Date | null;
  /** It was to outlive its issuer's membership. */
  kept_at: Date | null;
  /** The expiry that somebody was told of. */
  expiry_notice_for: Date | null;
}

/** Where a key was used from, coarsely. */
interface ApiKeyPlacesTable {
  organization_id: string;
  api_key_id: string;
  address: string;
  user_agent: string;
  first_used_at: Date;
  last_used_at: Date;
}

/** The secrets of a key: the newest one, and rotated-out ones until their grace ends. */
interface ApiKeySecretsTable {
  organization_id: string;
  api_key_id: string;
  /** HMAC-SHA-256 of the whole key, 32 bytes. */
  digest: Buffer;
  /** Which server secret made the digest. */
  secret_id: string;
  created_at: Stamp;
  expires_at: Date;
}

interface ContactsTable {
  organization_id: string;
  id: string;
  name: string;
  email: string | null;
  phone: string | null;
  company: string | null;
  title: string | null;
  location: string | null;
  linkedin_url: string | null;
  notes: string | null;
  tags: Generated<string[]>;
  custom_fields: JsonObject;
  /** `name`, `email` and `company` as they are compared: trimmed, NFC, lower-case. */
  name_key: string;
  email_key: string | null;
  company_key: string | null;
  /** The three keys in one text, which the trigram index covers. */
  search: GeneratedAlways<string>;
  created_at: Stamp;
  updated_at: Stamp;
  deleted_at: Date | null;
  version: Generated<number>;
  /** The contact as the API shows it, in JSON: see shared/encoded.ts. */
  document: GeneratedAlways<string>;
}

/** Written by triggers alone: see migrations/0003_audit_log.ts. */
interface AuditLogTable {
  organization_id: string;
  id: Generated<string>;
  at: Stamp;
  actor: JsonObject;
  action: string;
  subject: JsonObject;
  details: JsonObject;
}

/** A person. This table and the next five are better-auth's, which names the columns of its own use. */
interface UsersTable {
  id: string;
  name: string;
  email: string;
}

interface AccountsTable {
  id: string;
  user_id: string;
  account_id: string;
  provider_id: string;
  password: string | null;
}

interface SessionsTable {
  id: string;
  user_id: string;
  active_organization_id: string | null;
  expires_at: Date;
}

interface VerificationsTable {
  id: string;
  expires_at: Date;
}

interface MembersTable {
  organization_id: string;
  id: string;
  user_id: string;
  role: 'member' | 'admin' | 'owner';
  created_at: Stamp;
}

interface InvitationsTable {
  organization_id: string;
  /** Opens the invitation: it goes to its address, and nowhere else. */
  id: string;
  /** What the organization knows it by. */
  reference: Generated<string>;
  email: string;
  role: 'member' | 'admin' | 'owner';
  /** better-auth's words: the last three end it. */
  status: Generated<'pending' | 'accepted' | 'rejected' | 'canceled'>;
  inviter_id: string;
  expires_at: Date;
  created_at: Stamp;
}

/** The tables, as Kysely sees them. */
export interface Schema {
  organizations: OrganizationsTable;
  api_keys: ApiKeysTable;
  api_key_secrets: ApiKeySecretsTable;
  api_key_places: ApiKeyPlacesTable;
  contacts: ContactsTable;
  audit_log: AuditLogTable;
  users: UsersTable;
  accounts: AccountsTable;
  sessions: SessionsTable;
  verifications: VerificationsTable;
  members: MembersTable;
  invitations: InvitationsTable;
}
