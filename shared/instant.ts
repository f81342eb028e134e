import { z } from 'zod';
import { documentAs } from './documentedAs.ts';

/**
 * A date and time of RFC 3339. A query reads a `+` that is not escaped as a blank, so a blank before the offset is a `+`:
 * `2026-11-24T09:30:00 02:00`.
 */
const RFC_3339 =
  /^(\d{4}-\d\d-\d\d)[Tt ]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.(\d+))?(?:[Zz]|([-+ ])([01]\d|2[0-3]):([0-5]\d))$/;

/** The last millisecond of the year 9999, which a fraction must not leave. */
const LAST = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/**
 * The first millisecond at or after the instant; a leap second (`23:59:60`) is the second that follows. `undefined` where
 * `written` is no date and time of RFC 3339.
 */
function toDate(written: string): Date | undefined {
  const [, day, hours, minutes, seconds, fraction = '', sign, offsetHours = 0, offsetMinutes = 0] =
    RFC_3339.exec(written) ?? [];
  const midnight = new Date(`${day}T00:00:00Z`);
  // JavaScript takes February 30 for March 2.
  if (Number.isNaN(midnight.getTime()) || !midnight.toISOString().startsWith(day as string)) return undefined;
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * (sign === '-' ? -1 : 1);
  const milliseconds = Math.ceil(Number(`0.${fraction}`) * 1_000);
  const second =
    midnight.getTime() + (Number(hours) * 60 + Number(minutes) - offset) * 60_000 + Number(seconds) * 1_000;
  return new Date(second <= LAST ? Math.min(second + milliseconds, LAST) : second);
}

/** An instant: a `Date`, or a date and time of RFC 3339 such as `2026-11-24T09:30:00Z`; years 1 to 9999. */
export const instant = documentAs(
  z
    .union(
      [
        z.date(),
        z.string().transform((written, context) => {
          const date = toDate(written);
          if (date) return date;
          context.addIssue({ code: 'custom', message: 'Not a date and time' });
          return z.NEVER;
        }),
      ],
      { error: 'Give a date and time with its offset, as in RFC 3339: 2026-11-24T09:30:00Z' },
    )
    .refine((date) => date.getUTCFullYear() >= 1 && date.getUTCFullYear() <= 9999, 'The year must be 1 to 9999'),
  z.iso.datetime({ offset: true }),
);
