import type { DBAdapter, DBTransactionAdapter } from 'better-auth';
import { APIError } from 'better-auth/api';
import { symmetricDecrypt, symmetricEncrypt } from 'better-auth/crypto';
import { isUniqueViolation } from '../../db/errors.ts';
import type { KeySecrets } from './keySecret.ts';
import { openText, sealText } from './sealedText.ts';
import { signingSecretOf } from './signedCookies.ts';

const MODEL = 'twoFactor';
/** The place of seeds of authenticator apps in the database. */
export const SEEDS = 'two_factors.secret';

type Row = Record<string, unknown>;

/**
 * Stands between better-auth and its adapter, so that the database keeps seeds of authenticator apps as the service seals
 * texts: with AES-256-GCM under a key of the first server secret, whose id stands beside. better-auth encrypts a seed
 * under its own secret, with no option for another way; that secret changes with the first server secret. So what
 * better-auth has encrypted is decrypted and sealed, and a row's seed is given as better-auth would have encrypted it.
 */
export function sealing(adapter: DBAdapter, keySecrets: KeySecrets): DBAdapter {
  const sealed = wrap(adapter, keySecrets);
  return {
    ...adapter,
    ...sealed,
    transaction: (work) => adapter.transaction((inner) => work({ ...inner, ...wrap(inner, keySecrets) })),
  };
}

/** Two requests at once have each begun to switch the factor on: the seed of the first is kept. */
function rethrowTaken(error: unknown): never {
  if (!isUniqueViolation(error, 'two_factors_user_id_key')) throw error;
  throw new APIError('CONFLICT', { message: 'Another request has set up the factor at the same time: start again' });
}

function wrap(adapter: DBTransactionAdapter, keySecrets: KeySecrets) {
  const key = signingSecretOf(keySecrets[0]);
  const seal = async <T extends Row>(values: T): Promise<T> => {
    if (typeof values.secret !== 'string') return values;
    const seed = await symmetricDecrypt({ key, data: values.secret });
    return { ...values, secret: sealText(keySecrets, seed, SEEDS) };
  };
  const open = async <T>(row: T): Promise<T> => {
    const { secret } = (row ?? {}) as Row;
    if (typeof secret !== 'string') return row;
    return { ...row, secret: await symmetricEncrypt({ key, data: openText(keySecrets, secret, SEEDS) }) };
  };
  const methods: Pick<DBAdapter, 'create' | 'update' | 'findOne' | 'incrementOne'> = {
    async create(query) {
      if (query.model !== MODEL) return await adapter.create(query);
      const made = adapter.create({ ...query, data: await seal(query.data) }).catch(rethrowTaken);
      return (await open(await made)) as never;
    },
    async update(query) {
      if (query.model !== MODEL) return await adapter.update(query);
      return await open(await adapter.update({ ...query, update: await seal(query.update) }));
    },
    async findOne(query) {
      const row = await adapter.findOne(query);
      return (query.model === MODEL ? await open(row) : row) as never;
    },
    async incrementOne(query) {
      const row = await adapter.incrementOne(query);
      return (query.model === MODEL ? await open(row) : row) as never;
    },
  };
  return methods;
}
