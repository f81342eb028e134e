import type { z } from 'zod';
import { EXPIRY_DAYS, GRACE_HOURS } from '../../shared/keyFormat.ts';
import { SCOPES } from '../../shared/scopes.ts';
import { WITHOUT_KEY } from '../../shared/text.ts';
import { CommandError } from './commandError.ts';

/** The sentence about each input that is not valid, by the input's name in the schemas. */
const RULES: Record<string, string> = {
  organization:
    '--organization must be a name of 1 to 100 characters in a single line, at least one of them visible, without bidirectional controls.',
  email: '--email must be an email address, such as ada@example.com.',
  name: '--name must be 1 to 100 characters in a single line, at least one of them visible, without bidirectional controls.',
  newName:
    'The new name must be 1 to 100 characters in a single line, at least one of them visible, without bidirectional controls.',
  expiresInDays: `--days must be a whole number, ${EXPIRY_DAYS.least} to ${EXPIRY_DAYS.most}.`,
  graceHours: `--grace-hours must be a whole number, 0 to ${GRACE_HOURS.most}.`,
  graceFrom: '--grace-from must be now or firstUse.',
  state: '--state must be active, expired or revoked.',
  environment: '--environment must be development, staging or production.',
  addressMode: '--address-mode must be enforce or report.',
  rateLimit: '--rate-limit must be a whole number, 1 or more.',
  since: '--since must be a date or a time with its zone, such as 2026-11-01 or 2026-11-01T09:30:00Z.',
  scopes: `--scopes must be one or more of ${SCOPES.join(', ')}, separated by commas.`,
  ids: 'The ids must be the UUIDs of 1 to 100 contacts.',
  id: 'The id must be the UUID of an API key: "keys list" shows them.',
};

/** Reads a command's input. Throws a `CommandError` for the first fault, without the input, which may be a key. */
export function parseOptions<T extends z.ZodType>(schema: T, given: Record<string, unknown>): z.output<T> {
  const { success, data, error } = schema.safeParse(given);
  if (success) return data;
  const { path = [], message } = error.issues[0] ?? {};
  const rule = message === WITHOUT_KEY ? undefined : RULES[String(path[0])];
  const option = String(path[0]).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new CommandError(rule ?? `--${option}: ${message}.`);
}

/** Reads an option's whole number. `NaN`, which no schema takes, stands for any other text. */
export const toNumber = (option: string | boolean | undefined) => {
  if (option === undefined) return undefined;
  return typeof option === 'string' && /^\d+$/.test(option) ? Number(option) : Number.NaN;
};
