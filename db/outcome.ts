/** Why a row could not be had or changed, where that is no defect. */
export type Failure =
  | { failure: 'absent' }
  /** The id is another organization's. */
  | { failure: 'elsewhere' }
  | { failure: 'version'; currentVersion: number }
  | { failure: 'emailTaken'; existingId: string | undefined }
  | { failure: 'revoked' }
  /** The caller would gain scopes that it does not have. */
  | { failure: 'scopes'; scopes: string[] };

/** What was asked for, or why not. */
export type Outcome<T extends object> = T | Failure;
