/** Why a row could not be had or changed, where that is no defect. */
export type Failure =
  | { failure: 'absent' }
  /** The id is another organization's. */
  | { failure: 'elsewhere' }
  | { failure: 'version'; currentVersion: number }
  | { failure: 'emailTaken'; existingId: string | undefined }
  | { failure: 'revoked' }
  /** An organization is not left without an owner. */
  | { failure: 'lastOwner' }
  /** The other person, or the role to give, ranks above the caller. */
  | { failure: 'outranked' }
  | { failure: 'alreadyMember' }
  /** The caller would gain scopes that it does not have. */
  | { failure: 'scopes'; scopes: string[] };

/** What was asked for, or why not. */
export type Outcome<T extends object> = T | Failure;
