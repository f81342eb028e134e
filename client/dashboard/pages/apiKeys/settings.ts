import type { ApiKey } from '../../../../shared/apiKeys.ts';
import { issuesIn } from '../../api.ts';

/** What may change of a key at any time. */
export type Settings = Pick<
  ApiKey,
  'name' | 'description' | 'environment' | 'selfRotate' | 'rateLimit' | 'allowedAddresses' | 'addressMode'
>;

export const ENVIRONMENTS = ['development', 'staging', 'production'] as const;
/** The fields that show the issues of their own. */
export const FIELDS_WITH_ISSUES = ['name', 'description', 'rateLimit', 'allowedAddresses'] as const;

/** The addresses and blocks in a text, one a line or with commas between them. */
export const addressesIn = (text = '') => text.split(/[\s,;]+/).filter(Boolean);

/**
 * The settings in a form with `SettingsFields` and `LimitFields`. `form`: the values by name,
 * `{ name: 'Import', environment: '', rateLimit: '60' }`.
 */
export const settingsOf = (form: Record<string, string>): Settings => ({
  name: form.name?.trim() ?? '',
  description: form.description?.trim() || null,
  environment: ENVIRONMENTS.find((known) => known === form.environment) ?? null,
  selfRotate: form.selfRotate === 'on',
  rateLimit: form.rateLimit ? Number(form.rateLimit) : null,
  allowedAddresses: addressesIn(form.allowedAddresses),
  addressMode: form.addressMode === 'report' ? 'report' : 'enforce',
});

/** The settings that are not as the key has them. */
export function changesOf(apiKey: ApiKey, settings: Settings): Partial<Settings> {
  const names = Object.keys(settings) as (keyof Settings)[];
  const changed = names.filter((name) => JSON.stringify(settings[name]) !== JSON.stringify(apiKey[name]));
  return Object.fromEntries(changed.map((name) => [name, settings[name]]));
}

/**
 * The properties of a field that show what the service found in the field. `items`: the submitted items of a list, to
 * say which of them an issue is about.
 */
export function fieldError(error: unknown, field: (typeof FIELDS_WITH_ISSUES)[number], items: string[] = []) {
  const messages = issuesIn(error).flatMap(({ path: [name, index], message }) => {
    const item = items[Number(index)];
    return name === field ? [item === undefined || message.includes(item) ? message : `${item}: ${message}`] : [];
  });
  return messages.length > 0 ? { error: messages.join('. '), errorProps: { role: 'alert' } } : {};
}
