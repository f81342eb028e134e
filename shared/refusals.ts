// The dashboard knows these reasons before its first page: this file imports nothing, so that zod loads later.

/** The reason of a 403 after which a person proves who they are, and repeats the call. */
export const PROOF_NEEDED = 'You gave your password more than 15 minutes ago: give the password again';

/** The reason of a 403 for a person without a second factor, where the organization requires the factor. */
export const FACTOR_NEEDED = 'Your organization requires a second factor: set one up in the dashboard, then go on';
