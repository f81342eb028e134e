import { queryOptions, useQueryClient } from '@tanstack/react-query';
import type { ApiKey, ApiKeyDetails, Scope } from '../../../../shared/apiKeys.ts';
import { KEY_PREFIX } from '../../../../shared/keyFormat.ts';
import { client, trpc } from '../../api.ts';

/** The scopes in plain words. */
export const SCOPE_WORDS: Record<Scope, { label: string; description: string }> = {
  'contacts:read': { label: 'Read contacts', description: 'Search, list and open contacts' },
  'contacts:write': { label: 'Change contacts', description: 'Create, edit, import, delete and restore contacts' },
  'keys:manage': {
    label: 'Manage API keys',
    description: 'Issue, rotate and revoke every key of the organization, and read its audit log',
  },
};

/** The part of a key that may be shown: `introzy_1a2b3c4d…`. */
export const hintOf = ({ hint }: Pick<ApiKey, 'hint'>) => `${KEY_PREFIX}${hint}…`;

/** The secret of a key that a rotation made last, or the key's first secret; `undefined` where it no longer works. */
export const newestSecretOf = ({ hint, secrets }: ApiKeyDetails) =>
  secrets.find((secret) => secret.type === 'secret' && secret.hint === hint);
/** The secrets of a key that a rotation has left in their grace. A token is never in grace. */
export const olderSecretsOf = ({ hint, secrets }: ApiKeyDetails) =>
  secrets.filter((secret) => secret.type === 'secret' && secret.hint !== hint);

/** Milliseconds. */
export const DAY = 86_400_000;
/** Milliseconds before the expiry from which on a key is marked. */
const SOON = 7 * DAY;
/** Milliseconds without use after which a key is marked. */
const LONG = 30 * DAY;

export const expiresSoon = ({ state, expiresAt }: ApiKey, now: number) =>
  state === 'active' && expiresAt.getTime() - now < SOON;
export const isIdle = ({ state, lastUsedAt, createdAt }: ApiKey, now: number) =>
  state === 'active' && now - (lastUsedAt ?? createdAt).getTime() > LONG;

/** Keys in one request. */
const LIMIT = 200;

/** Every key that the person may see, newest first; with a state only the keys in this state. */
export const allKeys = (state?: ApiKey['state']) =>
  queryOptions({
    queryKey: [...trpc.keys.list.pathKey(), 'all', state],
    async queryFn({ signal }) {
      const keys: ApiKey[] = [];
      for (let cursor: string | undefined, isMore = true; isMore; ) {
        const filter = { ...(state !== undefined && { state }), ...(cursor !== undefined && { cursor }) };
        const page = await client.keys.list.query({ limit: LIMIT, ...filter }, { signal });
        keys.push(...page.items);
        cursor = page.nextCursor ?? undefined;
        isMore = cursor !== undefined;
      }
      return keys;
    },
  });

/** Gives a function that loads the shown keys and the audit log anew. */
export function useKeysChanged() {
  const queries = useQueryClient();
  return async () => {
    await queries.invalidateQueries({ queryKey: trpc.keys.pathKey() });
    await queries.invalidateQueries({ queryKey: trpc.audit.pathKey() });
  };
}
