import { Checkbox, NativeSelect, Textarea, TextInput } from '@mantine/core';
import type { ApiKey } from '../../../../shared/apiKeys.ts';

type Settings = Pick<ApiKey, 'name' | 'description' | 'environment' | 'selfRotate'>;

const ENVIRONMENTS = ['development', 'staging', 'production'] as const;

/** The fields of a key that may change at any time. `settingsOf` reads the fields. */
export const SettingsFields = ({ apiKey }: { apiKey?: ApiKey }) => (
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
    />
    <Textarea
      label="Description"
      name="description"
      description="What the key is for, and whom to ask about it"
      defaultValue={apiKey?.description ?? ''}
      maxLength={500}
      rows={3}
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

/** The settings in a form with `SettingsFields`. `form`: the values by name, `{ name: 'Import', environment: '' }`. */
export function settingsOf({ name = '', description, environment, selfRotate }: Record<string, string>): Settings {
  return {
    name: name.trim(),
    description: description?.trim() || null,
    environment: ENVIRONMENTS.find((known) => known === environment) ?? null,
    selfRotate: selfRotate === 'on',
  };
}
