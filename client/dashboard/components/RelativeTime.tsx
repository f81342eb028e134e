import { Text, Tooltip } from '@mantine/core';
import { useSyncExternalStore } from 'react';

/** A unit, the seconds from which on the unit is used, and the unit's seconds: from 120 days on, months of 30 days. */
const UNITS: [Intl.RelativeTimeFormatUnit, number, number][] = [
  ['year', 2 * 365 * 86_400, 365 * 86_400],
  ['month', 120 * 86_400, 30 * 86_400],
  ['day', 86_400, 86_400],
  ['hour', 3_600, 3_600],
  ['minute', 60, 60],
];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const exact = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' });
const day = new Intl.DateTimeFormat('en', { dateStyle: 'medium' });

/** `Nov 24, 2026, 9:30:00 AM`, in local time. */
export const exactTime = (date: Date) => exact.format(date);
/** `Nov 24, 2026`, in local time. */
export const dayOf = (date: Date) => day.format(date);

/** `3 hours ago`, `in 90 days`. `now` is in milliseconds since 1970. */
function relativeTime(date: Date, now: number): string {
  const seconds = (date.getTime() - now) / 1000;
  const [unit, , size] = UNITS.find(([, from]) => Math.abs(seconds) >= from) ?? [undefined, 0, 1];
  return unit ? relative.format(Math.round(seconds / size), unit) : seconds > 0 ? 'in a moment' : 'just now';
}

/** A clock that changes once a minute. */
const clock = {
  subscribe(onChange: () => void) {
    const timer = setInterval(onChange, 60_000);
    return () => clearInterval(timer);
  },
  read: () => Math.floor(Date.now() / 60_000) * 60_000,
};

/** Milliseconds since 1970, cut to the minute. The component renders anew each minute. */
export const useMinute = () => useSyncExternalStore(clock.subscribe, clock.read);

/** A time in words (`3 hours ago`). A tooltip and the element's `datetime` give the time to the second. */
export function RelativeTime({ date }: { date: Date }) {
  useMinute();
  return (
    <Tooltip label={exactTime(date)} events={{ hover: true, focus: true, touch: true }}>
      <Text component="time" inherit dateTime={date.toISOString()} tabIndex={0}>
        {relativeTime(date, Date.now())}
      </Text>
    </Tooltip>
  );
}
