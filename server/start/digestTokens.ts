import { asAccounts } from '../../db/admission.ts';
import { digestPlainTokens } from '../../db/plainTokens.ts';
import { digestText } from '../auth/textDigest.ts';
import type { Deps } from '../procedures/context.ts';

/** Digests the tokens that instances of the version before have written. A failure is logged: the next round tries again. */
export async function digestTokens({
  db,
  log,
  keySecrets,
  draining,
}: Pick<Deps, 'db' | 'log' | 'keySecrets' | 'draining'>) {
  const digest = (text: string, purpose: string) => digestText(keySecrets[0], text, purpose);
  await digestPlainTokens(asAccounts(db), { digest, signal: draining.signal }).catch((error: unknown) =>
    log.warn({ err: error }, 'tokens of the version before are not digested yet'),
  );
}
