import { Command } from 'commander';
import { findSecretUses, moveToFirstSecret, type ServerSecretUse } from '../auth/serverSecrets.ts';
import { addAction } from './command.ts';
import { INTROZY } from './commandError.ts';
import { minuteOf, table } from './text.ts';

/** `introzy secrets …` */
export function secretsCommand(): Command {
  return new Command('secrets')
    .description('show what hangs on each server secret of INTROZY_KEY_SECRETS, and move it to the first')
    .addCommand(statusCommand())
    .addCommand(reencryptCommand());
}

function statusCommand() {
  const command = new Command('status')
    .description('show what still hangs on each server secret, and until when')
    .addHelpText('after', '\nJSON: {"secrets":[{"id","state","apiKeys":{"count","lastExpiresAt"},…}],"inClear"}');
  return addAction(command, () => async ({ store }) => {
    const uses = await findSecretUses(store);
    return { json: uses, text: [describe(uses.secrets), ...adviceOn(uses)].join('\n') };
  });
}

function reencryptCommand() {
  const command = new Command('reencrypt')
    .description(
      'seal anew under the first server secret what older secrets have sealed; can be interrupted and repeated',
    )
    .addHelpText('after', '\nJSON: {"first","sealedTexts","inClear","unreadable":{"count","reasons"}}');
  return addAction(command, () => async ({ store }) => {
    const moved = await moveToFirstSecret(store);
    const { sealedTexts, inClear, unreadable } = moved;
    const [{ id: first }] = store.keySecrets;
    const lines = [
      `Sealed anew under ${first}: ${sealedTexts}`,
      ...(inClear > 0 ? [`Tokens in clear that are digests now: ${inClear}`] : []),
      ...(unreadable.count > 0 ? [`Left as they were: ${unreadable.count}`, ...unreadable.reasons] : []),
    ];
    return { json: { first, ...moved }, text: lines.join('\n') };
  });
}

const DIGESTS = ['apiKeys', 'tokens', 'sessions', 'verifications'] as const;

/** When the last digest under the secret ends; `undefined` where there is no digest. */
const endOf = (secret: ServerSecretUse) =>
  DIGESTS.flatMap((what) => secret[what].lastExpiresAt ?? []).sort((a, b) => b.getTime() - a.getTime())[0];

const describe = (secrets: ServerSecretUse[]) =>
  table(
    ['ID', 'STATE', 'API KEYS', 'TOKENS', 'SESSIONS', 'VERIFICATIONS', 'SEALED TEXTS', 'LAST DIGEST ENDS (UTC)'],
    secrets.map((secret) => {
      const end = endOf(secret);
      const counts = [...DIGESTS.map((what) => secret[what].count), secret.sealedTexts];
      return [secret.id, secret.state, ...counts.map(String), end ? minuteOf(end) : '-'];
    }),
  );

/** The next step for each secret that is not the first. */
function adviceOn({ secrets, inClear }: { secrets: ServerSecretUse[]; inClear: number }): string[] {
  const advice = secrets.flatMap((secret) => {
    const { id, state, sealedTexts } = secret;
    const end = endOf(secret);
    if (state === 'first') return [];
    if (state === 'missing') {
      return [
        `${id} is missing in INTROZY_KEY_SECRETS: what hangs on it does not work. Put the secret back if you have it.`,
      ];
    }
    if (!end && sealedTexts === 0) return [`Nothing hangs on ${id}: take it out of INTROZY_KEY_SECRETS.`];
    return [
      ...(sealedTexts > 0 ? [`Move the sealed texts of ${id}: ${INTROZY} secrets reencrypt`] : []),
      ...(end ? [`Keys and sessions leave ${id} as they are used, or end. Keep it until nothing hangs on it.`] : []),
    ];
  });
  if (inClear === 0) return advice;
  return [...advice, `Tokens in clear, of the version before: ${inClear}. Digest them: ${INTROZY} secrets reencrypt`];
}
