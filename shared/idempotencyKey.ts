/** The header with which a client asks that a write takes effect once, however often the client sends the write. */
export const IDEMPOTENCY_KEY = 'Idempotency-Key';
/** The header, with the value `true`, of an answer that was given before. */
export const REPLAYED = 'Idempotency-Replayed';

/** The same two in `_meta` of MCP: of a tool's call, and of its result. */
export const IN_META = { key: 'idempotencyKey', replayed: 'idempotencyReplayed' } as const;

/** Characters that an idempotency key may have. */
export const LONGEST_IDEMPOTENCY_KEY = 255;

/** What is wrong with a key of another form. */
export const IDEMPOTENCY_KEY_FORM = `An idempotency key has 1 to ${LONGEST_IDEMPOTENCY_KEY} characters, and no control characters`;

/** True for text of 1 to 255 characters without control characters and without halves of characters. */
export const isIdempotencyKey = (key: unknown): key is string => typeof key === 'string' && FORM.test(key);
const FORM = new RegExp(`^[^\\p{Cc}\\p{Cs}]{1,${LONGEST_IDEMPOTENCY_KEY}}$`, 'u');
