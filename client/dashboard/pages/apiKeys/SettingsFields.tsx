import { Checkbox, NativeSelect, Textarea, TextInput } from '@mantine/core';
import type { ApiKey } from '../../../../shared/apiKeys.ts';
import { ENVIRONMENTS, fieldError } from './settings.ts';

interface SettingsFieldsProps {
  apiKey?: ApiKey;
  /** The error of the last submission. */
  error: unknown;
}

/** The fields that say what a key is. `settingsOf` reads the fields, with those of `LimitFields`. */
export const SettingsFields = ({ apiKey, error }: SettingsFieldsProps) => (
  <>
    <TextInput
      label="Name"
      name="name"
      description="The program, or the agent, that uses the key"
      defaultValue={apiKey?.name}
      required
      maxLength={100}
      data-autofocus
      autoComplete="off"
      {...fieldError(error, 'name')}
    />
    <Textarea
      label="Description"
      name="description"
      description="What the key is for, and whom to ask about it"
      defaultValue={apiKey?.description ?? ''}
      maxLength={500}
      rows={3}
      {...fieldError(error, 'description')}
    />
    <NativeSelect
      label="Environment"
      name="environment"
      defaultValue={apiKey?.environment ?? ''}
      data={[{ value: '', label: 'Not said' }, ...ENVIRONMENTS]}
    />
    <Checkbox
      label="May rotate itself"
      name="selfRotate"
      description="The program may replace its own secret, and no other"
      defaultChecked={apiKey?.selfRotate}
    />
  </>
);
