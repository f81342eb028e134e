import type { ColumnType, Generated, GeneratedAlways } from 'kysely';

/** A time that the database fills in at insertion, unless the statement gives the time. */
type Stamp = ColumnType<Date, Date | undefined, Date>;
/** A JSON column. JSON is written as text, so that no driver takes a JSON array for a PostgreSQL array. */
type JsonObject = ColumnType<Record<string, unknown>, string | undefined, string>;

interface OrganizationsTable {
  id: string;
  name: string;
  /** `slug`, `logo` and `metadata` are better-auth's columns, which our own code does not use. */
  slug: Generated<string>;
  logo: string | null;
  metadata: string | null;
  created_at: Stamp;
}

/** What is set for an organization. An organization without a row has the defaults. */
interface OrganizationSettingsTable {
  /** The organization's. */
  id: string;
  /** 30 days later the organization is erased. Until then the deletion can be undone. */
  deleted_at: Date | null;
  /** Every member needs a second factor. */
  requires_factor: Generated<boolean>;
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
  /** The organization was deleted, which set `revoked_at` too. A restoration empties both columns. */
  suspended_at: Date | null;
  last_used_at: Date | null;
  description: string | null;
  environment: 'development' | 'staging' | 'production' | null;
  /** The key may rotate itself, whatever its scopes. */
  self_rotate: Generated<boolean>;
  /** When somebody last ended the grace of the key's older secrets. */
  grace_ended_at: Date | null;
  /** Calls a minute; `null`: the service's rate alone. */
  rate_limit: number | null;
  /** The blocks from which the key may be used, as `cidr[]`; `null`: from everywhere. */
  allowed_addresses: string[] | null;
  /** `report`: calls from other addresses are noted in the audit log, and not refused. */
  address_mode: Generated<'enforce' | 'report'>;
  /** When the key was last kept while its holder was removed or its issuer was revoked. */
  kept_at: Date | null;
  /** The ids of the descendants that went on when the key was revoked. */
  kept_keys: string[] | null;
  /**
   * For the version before: the `expires_at` of which the person whom that version tells was told, or a time in the
   * near future, while an instance of that version sends the notice. See migration 0011.
   */
  expiry_notice_for: Date | null;
}

/** A notice of a key's expiry to a person: sent, or being sent. See db/expiryNotices.ts. */
interface ApiKeyNoticesTable {
  organization_id: string;
  api_key_id: string;
  /** The expiry that the notice tells of. */
  expires_at: Date;
  /** How many days ahead the notice goes out: 30, 7 or 1. */
  days: number;
  user_id: string;
  /** Until then no other instance sends the notice. */
  claimed_until: Date;
  sent_at: Date | null;
}

/** A coarse place that a key was used from: a network such as `203.0.113.0/24`, and a kind of program. */
interface ApiKeyPlacesTable {
  organization_id: string;
  api_key_id: string;
  address: string;
  user_agent: string;
  first_used_at: Date;
  last_used_at: Date;
  /** The latest use of each secret, an ISO date by the secret's hint. */
  secrets: JsonObject;
  /** When the audit log last noted that the place is outside of the key's allowed addresses. */
  reported_at: Date | null;
}

/** The calls of a key on a day in UTC, by outcome. PostgreSQL gives a `bigint` as text. */
interface ApiKeyDaysTable {
  organization_id: string;
  api_key_id: string;
  /** `2026-11-26` */
  day: string;
  ok: string;
  client_error: string;
  limited: string;
  failed: string;
}

/** The secrets of a key: the newest secret, and older secrets, which work until their grace ends. */
interface ApiKeySecretsTable {
  organization_id: string;
  api_key_id: string;
  /** HMAC-SHA-256 of the whole key, 32 bytes. */
  digest: Buffer;
  /** The id of the server secret that made the digest. */
  secret_id: string;
  created_at: Stamp;
  expires_at: Date;
  /** `null` until migration 0008 has given the secret its holder. */
  id: Generated<string | null>;
  /** The secret's first 8 hexadecimal characters; `null` where nothing tells the hint of an old secret. */
  hint: string | null;
  /**
   * The person to whom the secret was shown; `null` for the operator. A trigger writes the holder at insertion. The
   * secret works only while the holder is a member.
   */
  holder_id: string | null;
  /** The caller who was shown the secret: `person:` or `key:` and an id, or `operator`. A trigger writes the column. */
  made_by: string | null;
  first_used_at: Date | null;
  /** At most a minute behind. */
  last_used_at: Date | null;
  /** Hours that older secrets work after the first use of this secret; `null` where a rotation ended them by itself. */
  grace_hours: number | null;
}

/** Tokens: short-lived credentials of a key, which work only while the secret that minted them works. */
interface ApiKeyTokensTable {
  organization_id: string;
  api_key_id: string;
  /** The `id` of the key's secret that minted the token. */
  minted_by: string;
  /** HMAC-SHA-256 of the whole token, 32 bytes. */
  digest: Buffer;
  /** The id of the server secret that made the digest. */
  secret_id: string;
  hint: string;
  scopes: string[];
  created_at: Stamp;
  expires_at: Date;
  /** At most a minute behind. */
  last_used_at: Date | null;
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
  /** `name`, `email` and `company` trimmed, lower-case, NFC: for the search of the version before, and equal emails. */
  name_key: string;
  email_key: string | null;
  company_key: string | null;
  /** The fields that a search looks in, folded: see searchText.ts. Null in a form before 2. */
  folded: string | null;
  /** The tags as they are compared, in the order of `tags`: see contactTags.ts. Null in a form before 2. */
  tag_keys: string[] | null;
  /** At most 20, as written, without repetitions and without `email`. `other_email_keys` has each as `email_key` has it. */
  other_emails: Generated<string[]>;
  other_email_keys: Generated<string[]>;
  /** At most 20, as written, without repetitions and without `phone`. */
  other_phones: Generated<string[]>;
  /** The keys of `phone` and of `other_phones`: see shared/phones.ts. Null in a form before 2. */
  phone_keys: string[] | null;
  /** The address of a LinkedIn page as it is compared: see shared/linkedin.ts. Null in a form before 2 too. */
  linkedin_key: string | null;
  /** The company as companies are compared, and the name by which lists are sorted: see foldedKeys.ts. */
  company_fold: string | null;
  name_fold: Generated<string>;
  /** The number of the form in which the keys were written. 0: the writer named no form. See `CONTACT_FORM` in contactColumns.ts. */
  form: Generated<number>;
  /**
   * `name_key`, `email_key` and `company_key` as a single text, for the search of the version before, and of contacts in
   * a form before 2. A trigger writes the column.
   */
  search: GeneratedAlways<string>;
  created_at: Stamp;
  updated_at: Stamp;
  deleted_at: Date | null;
  version: Generated<number>;
  /** The JSON of the contact as the API shows a contact: see shared/encoded.ts. A trigger writes the column. */
  document: GeneratedAlways<string>;
}

/** The other emails of contacts that are not deleted. A trigger writes the table: see migrations/0030_folded_search.ts. */
interface ContactEmailsTable {
  organization_id: string;
  email_key: string;
  contact_id: string;
}

/** Triggers write the audit log, and failedSignIns.ts: see migrations/0003_audit_log.ts. */
interface AuditLogTable {
  organization_id: string;
  id: Generated<string>;
  at: Stamp;
  actor: JsonObject;
  action: string;
  subject: JsonObject;
  details: JsonObject;
}

/** Seals of the audit log, which form a chain: see auditHash.ts. PostgreSQL gives a `bigint` as text. */
interface AuditSealsTable {
  organization_id: string;
  number: string;
  /** The hash of the seal before; `null` for the first seal of all. */
  previous: Buffer | null;
  hash: Buffer;
  sealed_at: Date;
  /** The time of the latest entry. */
  last_at: Date;
}

/** The entries of a seal. A name that was erased has a digest in place of the salt. */
interface AuditSealEntriesTable {
  organization_id: string;
  seal: string;
  id: string;
  hash: Buffer;
  names: Record<string, { salt: string } | { digest: string }>;
}

/** The numbers of an organization's last seal and of the last seal that AUDIT_DAYS erased, with that seal's hash. */
interface AuditChainsTable {
  organization_id: string;
  sealed_through: string;
  erased_through: string;
  erased_hash: Buffer | null;
}

/**
 * A person. `UsersTable` and the next six tables are better-auth's. Only the columns that our own code uses are
 * listed: better-auth names the other columns itself.
 */
interface UsersTable {
  id: string;
  name: string;
  email: string;
  /** The person has proved that mail to the address reaches them. */
  email_verified: Generated<boolean>;
}

/** A person's authenticator app, and their recovery codes: see server/auth/secondFactor.ts. */
interface TwoFactorsTable {
  id: string;
  user_id: string;
  /** The app's seed, sealed. */
  secret: string;
  backup_codes: string;
  /** A code of the app was taken: from now on the password alone opens no session. */
  verified: Generated<boolean>;
  /** The time step of the last code that was taken. */
  last_step: ColumnType<number, number | undefined>;
}

/** The public half of a person's passkey: see server/auth/passkeys.ts. */
interface PasskeysTable {
  id: string;
  user_id: string;
  name: string;
  /** The id that the authenticator gave, in base64url. */
  credential_id: string;
  created_at: Stamp;
  last_used_at: Date | null;
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
  created_at: Stamp;
}

/** What a session's person has proved. A session without a row has had no proof but the sign-in. */
interface SessionProofsTable {
  session_id: string;
  /** When the person last proved who they are, after the sign-in. */
  proved_at: Date | null;
  /** Proofs that were begun and did not succeed, since the last proof that did. */
  failed_proofs: Generated<number>;
  /** The sign-in was by a passkey. */
  with_passkey: Generated<boolean>;
}

interface VerificationsTable {
  id: string;
  value: string;
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
  /** The secret that opens the invitation. Only the mail to the invited address contains the id. */
  id: string;
  /** The id by which the organization's members know the invitation. */
  reference: Generated<string>;
  email: string;
  role: 'member' | 'admin' | 'owner';
  /** better-auth's words. `accepted`, `rejected` and `canceled` end the invitation. */
  status: Generated<'pending' | 'accepted' | 'rejected' | 'canceled'>;
  /** Where the inviter has the address: a membership that the person gets once the address is verified. */
  inviter_id: string;
  expires_at: Date;
  created_at: Stamp;
}

/** The answers of calls with an idempotency key: see db/keptAnswers.ts. */
interface KeptAnswersTable {
  organization_id: string;
  /** An API key or a person. */
  caller_id: string;
  key_digest: Buffer;
  request_digest: Buffer;
  /** The contact or the API key that the answer is about. */
  subject_id: string | null;
  expires_at: Date;
  /** `null`: the answer is not kept, or was erased. */
  answer: string | null;
}

/** The tables, as Kysely sees them. */
export interface Schema {
  organizations: OrganizationsTable;
  organization_settings: OrganizationSettingsTable;
  api_keys: ApiKeysTable;
  api_key_secrets: ApiKeySecretsTable;
  api_key_tokens: ApiKeyTokensTable;
  api_key_places: ApiKeyPlacesTable;
  api_key_days: ApiKeyDaysTable;
  api_key_notices: ApiKeyNoticesTable;
  contacts: ContactsTable;
  contact_emails: ContactEmailsTable;
  kept_answers: KeptAnswersTable;
  audit_log: AuditLogTable;
  audit_seals: AuditSealsTable;
  audit_seal_entries: AuditSealEntriesTable;
  audit_chains: AuditChainsTable;
  users: UsersTable;
  accounts: AccountsTable;
  sessions: SessionsTable;
  session_proofs: SessionProofsTable;
  verifications: VerificationsTable;
  two_factors: TwoFactorsTable;
  passkeys: PasskeysTable;
  members: MembersTable;
  invitations: InvitationsTable;
}
