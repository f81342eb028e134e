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
 * What becomes of each key where a person is removed. A key that is not kept ends where nobody else holds a secret of
 * the key, or where the nearest listed key above it in its family ends. Each key comes after the key above it.
 */
export function fatesOf({ held, kept, keys }: Removal): Fate[] {
  const listed = new Map(held.map((key) => [key.id, key]));
  const issuers = new Map(held.map(({ id }) => [id, issuerOf(keys, id)]));
  /** The issuer; where the issuer is not listed, the nearest held key from which the key descends. */
  const above = ({ id, descendsFrom }: MemberKey): MemberKey | undefined => {
    const ancestors = descendsFrom.flatMap((ancestor) => listed.get(ancestor) ?? []);
    const [nearest] = ancestors.toSorted((one, other) => other.descendsFrom.length - one.descendsFrom.length);
    return listed.get(issuers.get(id)?.id ?? '') ?? nearest;
  };
  const children = Map.groupBy(held, above);
  const below = (parent: Fate | undefined): Fate[] =>
    (children.get(parent?.key) ?? []).flatMap((key) => {
      const isKept = kept.includes(key.id);
      const isLost = (key.isHeld && !key.isShared) || parent?.isEnding === true;
      const depth = parent ? parent.depth + 1 : 0;
      const fate: Fate = { key, issuer: issuers.get(key.id), isKept, isEnding: !isKept && isLost, depth };
      return [fate, ...below(fate)];
    });
  return below(undefined);
}
