/** Days for which the calls of a key are kept, today among them. Days are days in UTC. */
export const USAGE_DAYS = 90;

/**
 * The ways in which a call can end. A call that is refused with 401 is no call of the key. Without zod, for the
 * browser.
 */
export const OUTCOMES = ['ok', 'clientError', 'limited', 'failed'] as const;
export type CallOutcome = (typeof OUTCOMES)[number];

/** Calls, counted by outcome. */
export type CallCounts = Record<CallOutcome, number>;
