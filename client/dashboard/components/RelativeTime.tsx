import { Text, Tooltip } from '@mantine/core';
import { useSyncExternalStore } from 'react';

/** Each from so many seconds on, and of so many. */
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

export const exactTime = (date: Date) => exact.format(date);
export const dayOf = (date: Date) => day.format(date);

/** `3 hours ago`, `in 90 days`. */
function relativeTime(date: Date, now: number): string {
  const seconds = (date.getTime() - now) / 1000;
  const [unit, , size] = UNITS.find(([, from]) => Math.abs(seconds) >= from) ?? [undefined, 0, 1];
  return unit ? relative.format(Math.round(seconds / size), unit) : seconds > 0 ? 'in a moment' : 'just now';
}

/** A minute's clock, shared by all. */
const clock = {
  subscribe(onChange: () => void) {
    const timer = setInterval(onChange, 60_000);
    return () => clearInterval(timer);
  },
  read: () => Math.floor(Date.now() / 60_000) * 60_000,
};

/** Milliseconds since 1970, to the minute; renders anew when it has passed. */
export const useMinute = () => useSyncExternalStore(clock.subscribe, clock.read);

/** A time as it is told, and to the second on hover, on focus and to who reads the page by other means. */
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
