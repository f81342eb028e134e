import type { ApiKey } from '../../../../shared/apiKeys.ts';

/**
 * The keys that end with the key of this id: the keys that the key issued, and the keys that those keys issued, each
 * after its issuer. `keys`: every key of the organization. The keys that a revoked key issued are left out: these keys
 * ended with the revoked key, or somebody kept the keys.
 */
export function descendantsOf(keys: ApiKey[], id: string): ApiKey[] {
  const issued = keys.filter(({ state, createdBy }) => state !== 'revoked' && isKey(createdBy, id));
  return issued.flatMap((key) => [key, ...descendantsOf(keys, key.id)]);
}

/** The key that issued the key of this id. `undefined` where a person did, or where the issuing key is revoked. */
export function issuerOf(keys: ApiKey[], id: string): ApiKey | undefined {
  const issued = keys.find((key) => key.id === id);
  return issued && keys.find((key) => key.state !== 'revoked' && isKey(issued.createdBy, key.id));
}

const isKey = ({ type, id }: ApiKey['createdBy'], keyId: string) => type === 'key' && id === keyId;
