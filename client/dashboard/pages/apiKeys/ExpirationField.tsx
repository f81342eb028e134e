import { NativeSelect, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { EXPIRY_DAYS } from '../../../../shared/keyFormat.ts';
import { dayOf } from '../../components/RelativeTime.tsx';
import { DAY } from './keys.ts';

const CHOICES = [30, 60, 90, 180, 365];
const OTHER = 'date';
const AS_BEFORE = 'before';

/** The local date in the form of a date field: `2026-11-24`. */
const toField = (date: Date) => new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
const daysFromNow = (days: number) => new Date(Date.now() + days * DAY);
/** Whole days from today to the day in a date field. */
const daysUntil = (field: string) => Math.round((Date.parse(field) - Date.parse(toField(new Date()))) / DAY);

interface ExpirationFieldProps {
  /** `undefined`: as many days as the key had. */
  days: number | undefined;
  onChange: (days: number) => void;
  /** Given where a key may keep the number of its days. */
  onAsBefore?: () => void;
}

/** The days until a key expires: a usual span, any date that is allowed, or as many days as the key had. */
export function ExpirationField({ days, onChange, onAsBefore }: ExpirationFieldProps) {
  const [isDate, setIsDate] = useState(days !== undefined && !CHOICES.includes(days));
  const date = daysFromNow(days ?? EXPIRY_DAYS.default);
  return (
    <Stack gap="xs">
      <NativeSelect
        label="Expiration"
        description={days === undefined ? 'Counted anew from the rotation' : `Expires on ${dayOf(date)}`}
        value={isDate ? OTHER : (days ?? AS_BEFORE)}
        data={[
          ...(onAsBefore ? [{ value: AS_BEFORE, label: 'As many days as before' }] : []),
          ...CHOICES.map((choice) => ({ value: String(choice), label: `${choice} days` })),
          { value: OTHER, label: 'On a date…' },
        ]}
        onChange={({ currentTarget: { value } }) => {
          setIsDate(value === OTHER);
          if (value === AS_BEFORE) onAsBefore?.();
          else onChange(value === OTHER ? (days ?? EXPIRY_DAYS.default) : Number(value));
        }}
      />
      {isDate && (
        <TextInput
          type="date"
          label="Expires on"
          required
          min={toField(daysFromNow(EXPIRY_DAYS.least))}
          max={toField(daysFromNow(EXPIRY_DAYS.most))}
          defaultValue={toField(date)}
          onChange={({ currentTarget: { value, validity } }) => {
            if (value !== '' && validity.valid) onChange(daysUntil(value));
          }}
        />
      )}
    </Stack>
  );
}
