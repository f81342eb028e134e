import { NativeSelect, TextInput } from '@mantine/core';
import type { ApiKey } from '../../../../shared/apiKeys.ts';
import { AddressField } from './AddressField.tsx';
import { fieldError, type Settings } from './settings.ts';

interface LimitFieldsProps {
  /** Left out for a key that is yet to be made. */
  apiKey?: ApiKey;
  /** The error of the last submission. */
  error: unknown;
  /** The settings that were submitted last. */
  sent: Settings | undefined;
}

/** The fields of a key's limits. `settingsOf` reads the fields. */
export const LimitFields = ({ apiKey, error, sent }: LimitFieldsProps) => (
  <>
    <AddressField apiKey={apiKey} error={fieldError(error, 'allowedAddresses', sent?.allowedAddresses)} />
    <NativeSelect
      label="Calls from other addresses"
      name="addressMode"
      defaultValue={apiKey?.addressMode}
      data={[
        { value: 'enforce', label: 'Are refused' },
        { value: 'report', label: 'Are only noted in the audit log' },
      ]}
    />
    <TextInput
      label="Calls a minute"
      name="rateLimit"
      type="number"
      min={1}
      step={1}
      description="At most. Without a number the rate of the service holds"
      defaultValue={apiKey?.rateLimit ?? ''}
      autoComplete="off"
      {...fieldError(error, 'rateLimit')}
    />
  </>
);
