import type { Scope } from '../../shared/apiKeys.ts';
import type { Role } from '../../shared/people.ts';
import { SCOPES } from '../../shared/scopes.ts';
import {
  type ModelKey,
  type ModelKeyRow,
  type ModelOrganization,
  type ModelPerson,
  type ModelSecret,
  newestFirst,
} from './modelRows.ts';

export type ModelCaller = { key: ModelKeyRow; secret: ModelSecret; person?: never } | { person: ModelPerson };

const ROLE_SCOPES: Record<Role, readonly Scope[]> = {
  owner: SCOPES,
  admin: SCOPES,
  member: ['contacts:read', 'contacts:write'],
};
const RANKS: Role[] = ['member', 'admin', 'owner'];
export const isAbove = (role: Role | null, other: Role | null) =>
  RANKS.indexOf(role ?? 'member') > RANKS.indexOf(other ?? 'member');

export const idOf = (caller: ModelCaller) => caller.person?.id ?? (caller as { key: ModelKeyRow }).key.shown.id;
/** The person to whom an answer is shown: the person who calls, or the holder of the secret that calls. */
export const holderOf = (caller: ModelCaller) => ('secret' in caller ? caller.secret.holder : caller.person);

const lacking = (whose: string, has: readonly Scope[], asked: readonly Scope[]) => {
  const missing = asked.filter((scope) => !has.includes(scope));
  return missing.length > 0 ? `${whose} lacks the scope ${missing.join(', ')}` : undefined;
};

/** The reason for which the caller may not use `scopes`; `undefined` where the caller may. */
export function reasonAgainst(caller: ModelCaller, scopes: readonly Scope[]): string | undefined {
  const holder = holderOf(caller);
  const ofRole = holder?.role ? ROLE_SCOPES[holder.role] : SCOPES;
  if (!('secret' in caller)) return lacking('Your role', ofRole, scopes);
  return (
    lacking('The API key', caller.key.shown.scopes, scopes) ??
    lacking('The role of the API key’s holder', ofRole, scopes)
  );
}

const ROTATED = 'A rotation replaced this secret of the key: send the key’s new secret';

/** The refusal of a secret, whatever the call; `undefined` where the secret works. */
export function judgeSecret(
  { shown, secrets }: ModelKeyRow,
  secret: ModelSecret,
): { reason: string; hint?: string } | undefined {
  if (shown.state === 'revoked' || secret.holder?.role === null) return { reason: 'API key has been revoked' };
  if (!secret.isOver) return undefined;
  return { reason: 'API key has expired', ...(secret !== secrets.at(-1) && { hint: ROTATED }) };
}

export const listKeys = ({ keys }: ModelOrganization): ModelKey[] => keys.map(({ shown }) => shown).sort(newestFirst);

/** The keys that a key issued, and theirs. A key that was kept when its issuer ended has left. */
export function descendantsOf(organization: ModelOrganization, key: ModelKeyRow): ModelKeyRow[] {
  const hasLeft = ({ keptAt = -1 }: ModelKeyRow) => key.revokedAt !== undefined && keptAt >= key.revokedAt;
  return organization.keys
    .filter(({ shown: { createdBy } }) => createdBy.type === 'key' && createdBy.id === key.shown.id)
    .filter((child) => !hasLeft(child))
    .flatMap((child) => [child, ...descendantsOf(organization, child)]);
}

/** Revokes keys that are not revoked yet, at a step. Gives the keys that it revoked. */
export function revokeRows(rows: ModelKeyRow[], step: number): ModelKeyRow[] {
  const revoked = rows.filter((row, place) => row.shown.state !== 'revoked' && rows.indexOf(row) === place);
  for (const row of revoked) {
    row.revokedAt = step;
    row.shown = { ...row.shown, state: 'revoked' };
  }
  return revoked;
}

/**
 * Marks keys as kept, where they are not revoked, and gives those. `holder` becomes the holder of their live secrets.
 */
export function keepRows(rows: ModelKeyRow[], { step, holder, from }: Keeping): ModelKeyRow[] {
  const kept = rows.filter(({ shown }) => shown.state !== 'revoked');
  for (const row of kept) {
    row.keptAt = step;
    for (const secret of row.secrets) {
      if (!secret.isOver && (from === undefined || secret.holder === from)) secret.holder = holder;
    }
  }
  return kept;
}

interface Keeping {
  step: number;
  holder: ModelPerson | null;
  /** Only this person's secrets. */
  from?: ModelPerson;
}

export interface ModelHeldKey {
  row: ModelKeyRow;
  isHeld: boolean;
  isShared: boolean;
  /** The person's live secrets, newest first. */
  secrets: ModelSecret[];
  /** The person's keys from which the key descends. */
  descendsFrom: ModelKeyRow[];
}

/** The active keys of which a person holds a live secret, and their active descendants, newest first. */
export function listHeld(organization: ModelOrganization, person: ModelPerson): ModelHeldKey[] {
  const live = ({ secrets }: ModelKeyRow) => secrets.filter(({ isOver }) => !isOver);
  const held = organization.keys.filter(
    (row) => row.shown.state !== 'revoked' && live(row).some(({ holder }) => holder === person),
  );
  const rows = new Set([...held, ...held.flatMap((row) => descendantsOf(organization, row))]);
  return [...rows]
    .filter(({ shown }) => shown.state === 'active')
    .sort((a, b) => newestFirst(a.shown, b.shown))
    .map((row) => ({
      row,
      isHeld: held.includes(row),
      isShared: live(row).some(({ holder }) => holder !== person),
      secrets: live(row)
        .filter(({ holder }) => held.includes(row) && holder === person)
        .reverse(),
      descendsFrom: held.filter((other) => descendantsOf(organization, other).includes(row)),
    }));
}

interface Removal {
  step: number;
  keeper: ModelPerson;
  /** The ids of the keys to keep. */
  keep: string[];
}

/** Removes a person. Gives the ids as the answer gives them, each list sorted. */
export function removePerson(organization: ModelOrganization, person: ModelPerson, { step, keeper, keep }: Removal) {
  const held = listHeld(organization, person);
  const chosen = held.map(({ row }) => row).filter(({ shown }) => keep.includes(shown.id));
  const kept = keepRows(chosen, { step, holder: keeper, from: person });
  for (const secret of organization.keys.flatMap(({ secrets }) => secrets)) {
    if (secret.holder === person) secret.isOver = true;
  }
  const others = held.filter(({ row, isHeld }) => isHeld && !kept.includes(row));
  const lost = revokeRows(
    others.filter(({ isShared }) => !isShared).map(({ row }) => row),
    step,
  );
  const theirs = lost.flatMap((row) => descendantsOf(organization, row)).filter((row) => !kept.includes(row));
  const revoked = [...lost, ...revokeRows(theirs, step)];
  const shared = others.filter(({ row }) => !revoked.includes(row)).map(({ row }) => row);
  person.role = null;
  const ids = (rows: ModelKeyRow[]) => rows.map(({ shown }) => shown.id).sort();
  return { keptKeys: ids(kept), revokedKeys: ids(revoked), sharedKeys: ids(shared) };
}

/** A secret is used for the first time: the grace of the older secrets may end by this use. */
export function beginUse({ secrets }: ModelKeyRow, secret: ModelSecret) {
  secret.isUsed = true;
  if (secret.graceAfterUse !== 0) return;
  for (const older of secrets.slice(0, secrets.indexOf(secret))) older.isOver = true;
}
