import { type CallCounts, type CallOutcome, OUTCOMES } from '../../../../shared/callOutcomes.ts';

/** The ways in which a call can end, in words. */
export const OUTCOME_WORDS: Record<CallOutcome, { label: string; description: string }> = {
  ok: { label: 'Answered', description: 'The call did its work (2xx)' },
  clientError: { label: 'Refused', description: 'The call was wrong, or not allowed (4xx)' },
  limited: { label: 'Over a rate', description: 'Too many calls within a minute (429)' },
  failed: { label: 'Failed', description: 'The service could not answer (5xx)' },
};

const numbers = new Intl.NumberFormat('en');
/** `12,345`. */
export const written = (count: number) => numbers.format(count);

const days = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeZone: 'UTC' });
/** A day in UTC in words: `2026-11-24` → `Nov 24, 2026`. */
export const utcDay = (date: string) => days.format(new Date(date));

export const sumOf = (counts: CallCounts) => OUTCOMES.reduce((sum, outcome) => sum + counts[outcome], 0);
