import type { IssuedKey } from '../../shared/apiKeys.ts';
import type { Config } from '../start/config.ts';
import { curlLine } from '../start/setup.ts';
import { minuteOf, printable } from './text.ts';

/** Describes a key that was just issued, with a line for a shell that tries the key. */
export function describeIssued({ key, apiKey }: IssuedKey, { publicUrl }: Config): string {
  const path = apiKey.scopes.includes('contacts:read') ? 'contacts' : 'keys/current';
  return [
    `API key:  ${key}`,
    '          Shown only this once: keep it now.',
    `Name:     ${printable(apiKey.name)} (id ${apiKey.id})`,
    `Scopes:   ${apiKey.scopes.join(', ')}`,
    `Expires:  ${minuteOf(apiKey.expiresAt)} UTC`,
    '',
    'Try it, while the service runs:',
    `  ${curlLine(key, `${publicUrl}/api/${path}`)}`,
  ].join('\n');
}
