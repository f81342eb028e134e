import type { Kysely } from 'kysely';
import type { Migration as FirstMigration } from 'kysely/migration';
import * as initial from './migrations/0001_initial.ts';
import * as accounts from './migrations/0002_accounts.ts';
import * as auditLog from './migrations/0003_audit_log.ts';
import * as admission from './migrations/0004_admission.ts';
import * as keptColumns from './migrations/0005_kept_columns.ts';
import * as indexes from './migrations/0006_indexes.ts';
import * as keyHolders from './migrations/0007_key_holders.ts';
import * as secretHolders from './migrations/0008_secret_holders.ts';
import * as keyLimits from './migrations/0009_key_limits.ts';
import * as keyUsage from './migrations/0010_key_usage.ts';
import * as expiryNotices from './migrations/0011_expiry_notices.ts';
import * as accountGuards from './migrations/0012_account_guards.ts';
import * as serverSecrets from './migrations/0013_server_secrets.ts';
import * as invitationDigests from './migrations/0015_invitation_digests.ts';
import * as auditSeals from './migrations/0017_audit_seals.ts';
import * as erasure from './migrations/0019_erasure.ts';
import * as deletedContacts from './migrations/0020_deleted_contacts.ts';
import * as proofs from './migrations/0021_proofs.ts';
import * as organizationErasure from './migrations/0022_organization_erasure.ts';
import * as twoFactor from './migrations/0024_two_factor.ts';
import * as requiredFactor from './migrations/0025_required_factor.ts';
import * as passkeys from './migrations/0026_passkeys.ts';
import * as foldedSearch from './migrations/0030_folded_search.ts';
import * as foldedSearchIndexes from './migrations/0031_folded_search_indexes.ts';
import * as mergePatch from './migrations/0034_merge_patch.ts';
import * as contactLists from './migrations/0036_contact_lists.ts';
import * as contactListsIndexes from './migrations/0037_contact_lists_indexes.ts';
import * as wordIndex from './migrations/0040_word_index.ts';
import * as wordIndexIndexes from './migrations/0041_word_index_indexes.ts';
import * as keptAnswers from './migrations/0050_kept_answers.ts';

/**
 * A transaction without a rewrite of a table and without a long lock. Instances of the version before go on working.
 */
export interface Expand {
  kind: 'expand';
  up(db: Kysely<unknown>): Promise<void>;
  accepts?: Accepted;
}

/** Effects that the check of migrations refuses, as the check words them, and why each effect is harmless here. */
export type Accepted = readonly { effect: string; because: string }[];

/** An index to build beside the service: `as` is the end of the statement, such as `(expires_at)`. */
export interface Index {
  name: string;
  table: string;
  as: string;
}

/** Work beside the service: first the indexes, then the batches. A second start resumes the work of the first start. */
export interface Background {
  kind: 'background';
  indexes?: readonly Index[];
  /**
   * Does a batch in a transaction. Takes the progress that the batch before gave, `null` at the beginning, and gives a
   * JSON value: the new progress, `null` at the end.
   */
  batch?(trx: Kysely<unknown>, progress: unknown): Promise<unknown>;
  accepts?: Accepted;
}

/**
 * Removes what the migration `removes` left for instances of the version before. So the version before must contain the
 * migration `removes`.
 */
export interface Contract {
  kind: 'contract';
  removes: string;
  up(db: Kysely<unknown>): Promise<void>;
}

export type Migrations = Readonly<Record<string, Expand | Background | Contract>>;

/** The migrations from before migrations had kinds. Kysely's own table records these migrations: see expand.ts. */
export const first: Readonly<Record<string, FirstMigration>> = {
  '0001_initial': initial,
  '0002_accounts': accounts,
  '0003_audit_log': auditLog,
};

/** Append-only: a released migration is never edited. Imports by name put every migration into a bundle. */
export const migrations: Migrations = {
  '0004_admission': admission,
  '0005_kept_columns': keptColumns,
  '0006_indexes': indexes,
  '0007_key_holders': keyHolders,
  '0008_secret_holders': secretHolders,
  '0009_key_limits': keyLimits,
  '0010_key_usage': keyUsage,
  '0011_expiry_notices': expiryNotices,
  '0012_account_guards': accountGuards,
  '0013_server_secrets': serverSecrets,
  '0015_invitation_digests': invitationDigests,
  '0017_audit_seals': auditSeals,
  '0019_erasure': erasure,
  '0020_deleted_contacts': deletedContacts,
  '0021_proofs': proofs,
  '0022_organization_erasure': organizationErasure,
  '0024_two_factor': twoFactor,
  '0025_required_factor': requiredFactor,
  '0026_passkeys': passkeys,
  '0030_folded_search': foldedSearch,
  '0031_folded_search_indexes': foldedSearchIndexes,
  '0034_merge_patch': mergePatch,
  '0036_contact_lists': contactLists,
  '0037_contact_lists_indexes': contactListsIndexes,
  '0040_word_index': wordIndex,
  '0041_word_index_indexes': wordIndexIndexes,
  '0050_kept_answers': keptAnswers,
};

/** What to run: by default all migrations. */
export interface MigrateOptions {
  /** The name of the last migration to run, such as `0002_accounts`. */
  to?: string | undefined;
  list?: Migrations | undefined;
  /** Ends the work beside the service after the step that is under way. */
  signal?: AbortSignal | undefined;
}
