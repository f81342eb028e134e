import type { Issue } from '../shared/errors.ts';

/** Why a row could not be read or changed, where the reason is not a defect. */
export type Failure =
  /** `deletedAt` is of a contact that is deleted. */
  | { failure: 'absent'; deletedAt?: Date }
  /** Another organization has the row of this id. */
  | { failure: 'elsewhere' }
  | { failure: 'version'; currentVersion: number }
  | { failure: 'emailTaken'; existingId: string | undefined; id?: string }
  /** The row's present values forbid the change. */
  | { failure: 'invalid'; issues: Issue[] }
  /** More contacts match the conditions of a change than a call may change: at least `count`. */
  | { failure: 'tooManyMatches'; count: number }
  /** A change would give these contacts more tags than a contact may have. */
  | { failure: 'tooManyTags'; ids: string[] }
  | { failure: 'revoked' }
  /** The organization has as many active keys as an organization may have. */
  | { failure: 'tooManyKeys' }
  /** The key has as many tokens that work as a key may have. */
  | { failure: 'tooManyTokens' }
  /** A migration has not reached the row yet. */
  | { failure: 'unsettled' }
  /** The change would leave the organization without an owner. */
  | { failure: 'lastOwner' }
  /** The member to change, or the role to give, ranks above the caller's role. */
  | { failure: 'outranked' }
  /** Another organization has the name, perhaps an organization that is deleted and not erased yet. */
  | { failure: 'nameTaken' }
  | { failure: 'alreadyMember' }
  /** The organization has invited the address, or people altogether, too often within an hour. */
  | { failure: 'tooManyInvitations'; retryAfterSeconds: number }
  /** A person who leaves wants to keep keys, whose holder would be no member. */
  | { failure: 'keepsForNobody' }
  /** The caller would gain these scopes, which the caller does not have. */
  | { failure: 'scopes'; scopes: string[] };

/** The result, or the reason why there is no result. */
export type Outcome<T extends object> = T | Failure;
