import { NativeSelect, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { EXPIRY_DAYS } from '../../../../shared/keyFormat.ts';
import { dayOf } from '../../components/RelativeTime.tsx';
import { DAY } from './keys.ts';

const CHOICES = [30, 60, 90, 180, 365];
const OTHER = 'date';

/** The local date in the form of a date field: `2026-11-24`. */
const toField = (date: Date) => new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
const daysFromNow = (days: number) => new Date(Date.now() + days * DAY);
/** Whole days from today to the day in a date field. */
const daysUntil = (field: string) => Math.round((Date.parse(field) - Date.parse(toField(new Date()))) / DAY);

interface ExpirationFieldProps {
  days: number;
  onChange: (days: number) => void;
}

/** The days until a key expires: a usual span, or any date that is allowed. */
export function ExpirationField({ days, onChange }: ExpirationFieldProps) {
  const [isDate, setIsDate] = useState(!CHOICES.includes(days));
  return (
    <Stack gap="xs">
      <NativeSelect
        label="Expiration"
        description={`Expires on ${dayOf(daysFromNow(days))}`}
        value={isDate ? OTHER : String(days)}
        data={[
          ...CHOICES.map((choice) => ({ value: String(choice), label: `${choice} days` })),
          { value: OTHER, label: 'On a date…' },
        ]}
        onChange={({ currentTarget: { value } }) => {
          setIsDate(value === OTHER);
          if (value !== OTHER) onChange(Number(value));
        }}
      />
      {isDate && (
        <TextInput
          type="date"
          label="Expires on"
          required
          min={toField(daysFromNow(EXPIRY_DAYS.least))}
          max={toField(daysFromNow(EXPIRY_DAYS.most))}
          defaultValue={toField(daysFromNow(days))}
          onChange={({ currentTarget: { value, validity } }) => {
            if (value !== '' && validity.valid) onChange(daysUntil(value));
          }}
        />
      )}
    </Stack>
  );
}
