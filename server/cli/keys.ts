import { Command } from 'commander';
import { asOperator } from '../../db/admission.ts';

import { getApiKey, type KeySettings, listApiKeys, revokeApiKey, updateApiKey } from '../../db/apiKeys.ts';
import { endGrace, rotateApiKey } from '../../db/keyRotation.ts';
import { listLiveSecrets } from '../../db/keySecrets.ts';
import { listKeyUsage } from '../../db/keyUsage.ts';

import type { Failure, Outcome } from '../../db/outcome.ts';
import { getOwner } from '../../db/people.ts';
import {
  type ApiKey,
  ApiKeyIssueRequest,
  ApiKeyListRequest,
  ApiKeyRequest,
  ApiKeyRotateRequest,
  type ApiKeySecret,
  ApiKeyUpdateRequest,
} from '../../shared/apiKeys.ts';
import { ApiKeyUsageRequest } from '../../shared/apiKeyUsage.ts';
import { EXPIRY_DAYS, GRACE_HOURS, KEY_PREFIX, MOST_KEYS } from '../../shared/keyFormat.ts';
import { SCOPES } from '../../shared/scopes.ts';
import { mintKey } from '../auth/keySecret.ts';
import type { Config } from '../start/config.ts';
import { issueKey } from '../start/setup.ts';
import { addAction, type Given, ORGANIZATION } from './command.ts';
import { CommandError, INTROZY } from './commandError.ts';
import { describeUsage, describeUsageOfKey } from './describeUsage.ts';
import { parseOptions, toNumber } from './input.ts';
import { describeIssued } from './issued.ts';
import { chooseOrganization } from './organization.ts';
import { minuteOf, printable, table } from './text.ts';

const DAYS = [
  '--days <n>',
  `days until it expires, ${EXPIRY_DAYS.least} to ${EXPIRY_DAYS.most} (default ${EXPIRY_DAYS.default})`,
] as const;

/** `introzy keys …` */
export function keysCommand(): Command {
  return new Command('keys')
    .description("issue, list, change, count, rotate and revoke an organization's API keys")
    .addCommand(issueCommand())
    .addCommand(listCommand())
    .addCommand(updateCommand())
    .addCommand(usageCommand())
    .addCommand(rotateCommand())
    .addCommand(endGraceCommand())
    .addCommand(revokeCommand());
}

function issueCommand() {
  const command = new Command('issue')
    .description('issue a key, and show it this once')
    .option(...ORGANIZATION)
    .requiredOption('--name <name>', 'what the key is for, 1 to 100 characters')
    .option(...DAYS)
    .option('--self-rotate', 'the key may rotate itself, whatever its scopes')
    .option('--scopes <list>', `of ${SCOPES.join(', ')}, separated by commas (default contacts:read,contacts:write)`)
    .addHelpText('after', '\nJSON: {"key","apiKey":{…}}');
  return addAction(addSettings(command), ({ options }) => {
    const request = parseOptions(ApiKeyIssueRequest, {
      ...readSettings(options),
      name: options.name,
      selfRotate: options.selfRotate,
      expiresInDays: toNumber(options.days),
      scopes: readList(options.scopes),
    });
    return async ({ store, config }) => {
      const { name, scopes, expiresInDays, organizationId: _, ...settings } = request;
      refuseHigherRate(config, settings);
      const { id: organizationId } = await chooseOrganization(store, options.organization);
      const tenant = asOperator(store.db, organizationId);
      const issuedBy = { type: 'person', ...(await getOwner(tenant, organizationId)) } as const;
      const newKey = { organizationId, name, scopes, expiresInDays, settings, issuedBy };
      const issued = orCommandError(await issueKey(tenant, store.keySecrets, newKey));
      return { json: issued, text: describeIssued(issued, config) };
    };
  });
}

/** Adds the options of the settings that a key can be issued with, and that can be changed. */
const addSettings = (command: Command) =>
  command
    .option('--description <text>', 'more about the key, up to 500 characters')
    .option('--environment <name>', 'development, staging or production; "" stands for no environment')
    .option('--rate-limit <n>', 'calls a minute, at most the rate of the service; "" stands for that rate')
    .option('--allowed-addresses <list>', 'addresses and CIDR blocks, separated by commas; "" stands for everywhere')
    .option('--address-mode <mode>', 'enforce: refuse other addresses; report: only note them in the audit log');

const readSettings = (options: Given['options']) => ({
  description: options.description,
  environment: options.environment === '' ? null : options.environment,
  rateLimit: options.rateLimit === '' ? null : toNumber(options.rateLimit),
  allowedAddresses: readList(options.allowedAddresses),
  addressMode: options.addressMode,
});

/** Reads `a, b` as `['a', 'b']`, and an empty text as an empty list. */
const readList = (option: Given['options'][string]) =>
  option
    ?.toString()
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

function refuseHigherRate({ rateLimit: most }: Pick<Config, 'rateLimit'>, { rateLimit }: KeySettings) {
  if ((rateLimit ?? 0) <= most) return;
  throw new CommandError(`--rate-limit must be at most ${most}, the rate of the service.`);
}

function updateCommand() {
  const command = new Command('update')
    .description('change the name and the settings of a key; what is not named stays as it is')
    .argument('<id>', 'the id of the key, as "keys list" shows it')
    .option(...ORGANIZATION)
    .option('--name <name>', 'what the key is for, 1 to 100 characters')
    .option('--self-rotate', 'the key may rotate itself, whatever its scopes')
    .option('--no-self-rotate', 'the key may no longer rotate itself')
    .addHelpText('after', '\nJSON: {"apiKey":{…}}');
  return addAction(addSettings(command), ({ args: [id], options }) => {
    const request = { id, name: options.name, selfRotate: options.selfRotate, ...readSettings(options) };
    const { id: keyId, organizationId: _, ...settings } = parseOptions(ApiKeyUpdateRequest, request);
    return async ({ store, config }) => {
      refuseHigherRate(config, settings);
      const { id: organizationId } = await chooseOrganization(store, options.organization);
      const change = { organizationId, id: keyId, settings };
      const apiKey = orCommandError(await updateApiKey(asOperator(store.db, organizationId), change));
      return { json: { apiKey }, text: `Changed: ${printable(apiKey.name)} (id ${apiKey.id})` };
    };
  });
}

function listCommand() {
  const command = new Command('list')
    .description('list the keys, newest first')
    .option(...ORGANIZATION)
    .option('--state <state>', 'only keys that are active, expired or revoked')
    .addHelpText('after', '\nJSON: {"items":[{…}]}');
  return addAction(command, ({ options }) => {
    const filter = { state: options.state, limit: 200 };
    parseOptions(ApiKeyListRequest, filter);
    return async ({ store }) => {
      const { id: organizationId, name } = await chooseOrganization(store, options.organization);
      const items: ApiKey[] = [];
      const tenant = asOperator(store.db, organizationId);
      let next: string | undefined;
      do {
        const query = ApiKeyListRequest.parse({ ...filter, cursor: next });
        const page = await listApiKeys(tenant, { ...query, organizationId });
        items.push(...page.items);
        next = page.nextCursor ?? undefined;
      } while (next !== undefined);
      if (items.length === 0) return { json: { items }, text: `${printable(name)} has no API keys.` };
      return {
        json: { items },
        text: table(['ID', 'NAME', 'KEY', 'STATE', 'SCOPES', 'EXPIRES (UTC)', 'LAST USED (UTC)'], items.map(cellsOf)),
      };
    };
  });
}

function usageCommand() {
  const command = new Command('usage')
    .description('count the calls of the last 90 days by outcome: of all keys, or of one key, day by day')
    .argument('[id]', 'the id of the key, as "keys list" shows it')
    .option(...ORGANIZATION)
    .addHelpText('after', '\nJSON: {"from","to","keys":[{…,"total":{…},"days":[{…}]}]}');
  return addAction(command, ({ args: [named], options }) => {
    const { id } = parseOptions(ApiKeyUsageRequest, { id: named });
    return async ({ store }) => {
      const { id: organizationId } = await chooseOrganization(store, options.organization);
      const tenant = asOperator(store.db, organizationId);
      if (id !== undefined) orCommandError(await getApiKey(tenant, { organizationId, id }));
      const usage = await listKeyUsage(tenant, { organizationId, id });
      return { json: usage, text: id === undefined ? describeUsage(usage) : describeUsageOfKey(usage) };
    };
  });
}

const cellsOf = ({ id, name, hint, state, scopes, expiresAt, lastUsedAt }: ApiKey) => [
  id,
  name,
  `${KEY_PREFIX}${hint}…`,
  state,
  scopes.join(','),
  minuteOf(expiresAt),
  lastUsedAt ? minuteOf(lastUsedAt) : 'never',
];

function rotateCommand() {
  const command = new Command('rotate')
    .description('give a key a new secret and a fresh expiry, and show it this once')
    .argument('<id>', 'the id of the key, as "keys list" shows it')
    .option(...ORGANIZATION)
    .option(
      '--grace-hours <n>',
      `hours that the old secret goes on working, 0 to ${GRACE_HOURS.most}; 0 cuts it off now (default ${GRACE_HOURS.default})`,
    )
    .option('--grace-from <when>', 'the hours count from now, or from the firstUse of the new secret (default now)')
    .option(
      '--days <n>',
      `days until the new secret expires, ${EXPIRY_DAYS.least} to ${EXPIRY_DAYS.most} (default: as the key had)`,
    )
    .addHelpText('after', '\nJSON: {"key","apiKey":{…}}');
  return addAction(command, ({ args: [id], options }) => {
    const request = {
      ...parseOptions(ApiKeyRequest, { id }),
      expiresInDays: toNumber(options.days),
      graceHours: toNumber(options.graceHours),
      graceFrom: options.graceFrom,
    };
    const { organizationId: _, ...rotating } = parseOptions(ApiKeyRotateRequest, request);
    const { graceHours, graceFrom } = rotating;
    return async ({ store, config }) => {
      const { id: organizationId } = await chooseOrganization(store, options.organization);
      const { key: shown, ...secret } = mintKey(store.keySecrets);
      const rotation = { ...rotating, organizationId, scopes: SCOPES, secret };
      const tenant = asOperator(store.db, organizationId);
      const apiKey = orCommandError(await rotateApiKey(tenant, rotation));
      const issued = { key: shown, apiKey };
      const secrets = await listLiveSecrets(tenant, { organizationId, id: apiKey.id });
      const older = secrets.filter(({ type, hint }) => type === 'secret' && hint !== apiKey.hint).map(describeOlder);
      const end = graceFrom === 'firstUse' ? `, or ${graceHours} hours after the first use of the new secret` : '';
      const text = older.length === 0 ? 'No older secret works.' : `Older secrets:\n${older.join(`${end}\n`)}${end}`;
      return { json: issued, text: `${describeIssued(issued, config)}\n\n${text}` };
    };
  });
}

const describeOlder = ({ hint, expiresAt }: ApiKeySecret) =>
  `${KEY_PREFIX}${hint ?? ''}… works until ${minuteOf(expiresAt)} UTC`;

function endGraceCommand() {
  const command = new Command('end-grace')
    .description('cut off the older secrets of a key that was rotated, at once; the newest goes on')
    .argument('<id>', 'the id of the key, as "keys list" shows it')
    .option(...ORGANIZATION)
    .addHelpText('after', '\nJSON: {"apiKey":{…}}');
  return addAction(command, ({ args: [id], options }) => {
    const request = parseOptions(ApiKeyRequest, { id });
    return async ({ store }) => {
      const { id: organizationId } = await chooseOrganization(store, options.organization);
      const apiKey = orCommandError(
        await endGrace(asOperator(store.db, organizationId), { organizationId, id: request.id }),
      );
      return { json: { apiKey }, text: `Only the newest secret works: ${printable(apiKey.name)} (id ${apiKey.id})` };
    };
  });
}

function revokeCommand() {
  const command = new Command('revoke')
    .description('revoke a key, at once and for good')
    .argument('<id>', 'the id of the key, as "keys list" shows it')
    .option(...ORGANIZATION)
    .option('--keep-descendants', 'let the keys that it issued, and theirs, go on; else they are revoked with it')
    .addHelpText('after', '\nJSON: {"apiKey":{…,"descendants":[{…}]}}');
  return addAction(command, ({ args: [id], options }) => {
    const descendants = options.keepDescendants ? ('keep' as const) : ('revoke' as const);
    const { id: keyId } = parseOptions(ApiKeyRequest, { id });
    return async ({ store }) => {
      const { id: organizationId } = await chooseOrganization(store, options.organization);
      const revocation = { organizationId, id: keyId, descendants };
      const apiKey = orCommandError(await revokeApiKey(asOperator(store.db, organizationId), revocation));
      const text = [apiKey, ...apiKey.descendants].map(
        ({ id, name, state }) => `${state === 'revoked' ? 'Revoked' : 'Kept'}: ${printable(name)} (id ${id})`,
      );
      return { json: { apiKey }, text: text.join('\n') };
    };
  });
}

/** Gives the result, or throws a `CommandError` with the reason of the failure. */
function orCommandError<T extends object>(outcome: Outcome<T>): T {
  if (!('failure' in outcome)) return outcome;
  throw new CommandError(explainFailure(outcome as Failure));
}

function explainFailure({ failure }: Failure): string {
  switch (failure) {
    case 'elsewhere':
      return 'The key of this id is another organization’s. Name that one with --organization.';
    case 'tooManyKeys':
      return `The organization has ${MOST_KEYS} active keys, which is the most. Revoke a key first: ${INTROZY} keys revoke ID`;
    case 'revoked':
      return `A revoked key has no secret that works. Issue a new one: ${INTROZY} keys issue --name NAME`;
    default:
      return `The organization has no key of this id. See its keys: ${INTROZY} keys list`;
  }
}
