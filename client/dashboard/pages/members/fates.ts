import type { ApiKey } from '../../../../shared/apiKeys.ts';
import type { MemberKeys } from '../../../../shared/people.ts';
import { issuerOf } from '../apiKeys/family.ts';

type MemberKey = MemberKeys['keys'][number];

/** A key of a person who is removed, with what becomes of the key. */
export interface Fate {
  key: MemberKey;
  /** The key that issued the key; `undefined` where a person did. */
  issuer: ApiKey | undefined;
  isKept: boolean;
  isEnding: boolean;
  /** Steps from a listed key that descends from no other listed key. */
  depth: number;
}

interface Removal {
  /** The keys whose fate the removal decides. */
  held: MemberKey[];
  /** The ids of the keys that somebody keeps. */
  kept: string[];
  /** Every key of the organization. */
  keys: ApiKey[];
}

/**
 * What becomes of each key where a person is removed. A key that is not kept ends where nobody else holds a secret of the
 * key, or where the key that issued it ends. Each key comes after the key that issued it.
 */
export function fatesOf({ held, kept, keys }: Removal): Fate[] {
  const heldBy = new Map(held.map((key) => [key.id, key]));
  const isEnding = (id: string): boolean => {
    if (kept.includes(id)) return false;
    const key = heldBy.get(id);
    if (key?.isHeld && !key.isShared) return true;
    const issuer = issuerOf(keys, id);
    // A key that the person does not hold is listed because a key that it descends from is.
    return issuer ? isEnding(issuer.id) : key?.isHeld === false;
  };
  const above = (key: MemberKey) => heldBy.get(issuerOf(keys, key.id)?.id ?? '');
  const below = (issuer: MemberKey | undefined, depth: number): Fate[] =>
    held
      .filter((key) => above(key) === issuer)
      .flatMap((key) => [
        {
          key,
          issuer: issuerOf(keys, key.id),
          isKept: kept.includes(key.id),
          isEnding: isEnding(key.id),
          depth,
        },
        ...below(key, depth + 1),
      ]);
  return below(undefined, 0);
}
