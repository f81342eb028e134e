import { asAccounts } from '../../db/admission.ts';
import { countDigests, type DigestsInUse } from '../../db/digestedColumns.ts';
import type { Database } from '../../db/open.ts';
import { digestPlainTokens } from '../../db/plainTokens.ts';
import { countSealed, resealColumn, SEALED_COLUMNS, type SealedColumn } from '../../db/sealedTexts.ts';
import type { KeySecrets } from './keySecret.ts';
import { openText, sealText } from './sealedText.ts';
import { digestText } from './textDigest.ts';

interface Hanging {
  count: number;
  /** When the last of them ends. */
  lastExpiresAt: Date | null;
}

/** What hangs on a server secret. */
export interface ServerSecretUse extends Record<DigestsInUse['what'], Hanging> {
  id: string;
  /** `first` mints and seals, `older` verifies and opens; `missing`: the database names the secret, the settings do not. */
  state: 'first' | 'older' | 'missing';
  sealedTexts: number;
}

/** Says of each server secret, in the settings or in the database alone, what hangs on the secret. */
export async function findSecretUses(
  { db, keySecrets }: { db: Database; keySecrets: KeySecrets },
  columns: readonly SealedColumn[] = SEALED_COLUMNS,
): Promise<{ secrets: ServerSecretUse[]; inClear: number }> {
  const digests = await countDigests(db);
  const sealed = (await Promise.all(columns.map((column) => countSealed(asAccounts(db), column)))).flat();
  const named = [...digests, ...sealed].map(({ secretId }) => secretId).filter((id) => id !== null);
  const ids = new Set([...keySecrets.map(({ id }) => id), ...named.sort()]);
  const secrets = [...ids].map((id): ServerSecretUse => {
    const hanging = (what: DigestsInUse['what']): Hanging => {
      const found = digests.find((each) => each.secretId === id && each.what === what);
      return { count: found?.live ?? 0, lastExpiresAt: found?.lastExpiresAt ?? null };
    };
    const index = keySecrets.findIndex((secret) => secret.id === id);
    return {
      id,
      state: index === 0 ? 'first' : index > 0 ? 'older' : 'missing',
      apiKeys: hanging('apiKeys'),
      tokens: hanging('tokens'),
      sessions: hanging('sessions'),
      verifications: hanging('verifications'),
      sealedTexts: sum(sealed.filter(({ secretId }) => secretId === id).map(({ count }) => count)),
    };
  });
  return { secrets, inClear: sum(digests.filter(({ secretId }) => secretId === null).map(({ live }) => live)) };
}

const sum = (counts: number[]) => counts.reduce((all, count) => all + count, 0);

/** What a move to the first server secret did. */
export interface Moved {
  sealedTexts: number;
  /** Texts in clear of the version before, which are digests now. */
  inClear: number;
  /** Sealed texts that stay, as no secret of the settings opens them, and why. */
  unreadable: { count: number; reasons: string[] };
}

/**
 * Moves to the first server secret what can be moved: sealed texts, and texts in clear of the version before, which become
 * digests. A call that is interrupted loses nothing, and the next call goes on.
 */
export async function moveToFirstSecret(
  { db, keySecrets }: { db: Database; keySecrets: KeySecrets },
  columns: readonly SealedColumn[] = SEALED_COLUMNS,
): Promise<Moved> {
  const accounts = asAccounts(db);
  const [first] = keySecrets;
  const failures: string[] = [];
  let sealedTexts = 0;
  for (const { table, column } of columns) {
    const purpose = `${table}.${column}`;
    const reseal = (sealed: string) => {
      try {
        return sealText(keySecrets, openText(keySecrets, sealed, purpose), purpose);
      } catch (error) {
        failures.push((error as Error).message);
        return undefined;
      }
    };
    sealedTexts += await resealColumn(accounts, { table, column, secretId: first.id, reseal });
  }
  const digest = (text: string, purpose: string) => digestText(first, text, purpose);
  const inClear = await digestPlainTokens(accounts, { digest });
  return { sealedTexts, inClear, unreadable: { count: failures.length, reasons: [...new Set(failures)] } };
}
