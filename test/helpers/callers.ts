import { asOperator } from '../../db/admission.ts';
import { listMembers } from '../../db/members.ts';
import type { IssuedKey, Scope } from '../../shared/apiKeys.ts';
import type { Role } from '../../shared/people.ts';
import { SCOPES } from '../../shared/scopes.ts';
import { addMember, type Browser, signedIn, type TestPerson } from './browser.ts';
import { HOLDERS_ROLE, lacks, type Refusal, unauthorized } from './refusals.ts';
import type { TestApp } from './testApp.ts';

/**
 * The holder of a key's secret at the moment of a call: a member of this role, or nobody, where the secret is the
 * operator's. `gone`: the holder is no member any more, or the key ended with a key whose holder left.
 */
type Holding = Role | 'nobody' | 'gone';

/** The contract's rule: the scopes that a key can use at most. Without a list the key is refused. */
const MOST: Record<Holding, readonly Scope[] | undefined> = {
  owner: SCOPES,
  admin: SCOPES,
  member: ['contacts:read', 'contacts:write'],
  nobody: SCOPES,
  gone: undefined,
};

/** A key that calls, or one of the key's secrets. */
export interface Caller {
  /** How the holder came to be the holder, such as `an admin’s who was removed`. */
  what: string;
  key: string;
  id: string;
  scopes: Scope[];
  holding: Holding;
  /** A token that the secret minted as soon as the secret was shown. */
  token: string;
}

/** The refusal of a call to a procedure that asks for `scope`; `undefined` where the call succeeds. */
export function judgeCaller({ holding, scopes }: Pick<Caller, 'holding' | 'scopes'>, scope?: Scope, what?: string) {
  const most = MOST[holding];
  if (!most) return GONE;
  if (!scope) return undefined;
  if (!scopes.includes(scope)) return lacks(scope, what);
  return most.includes(scope) ? undefined : lacks(scope, HOLDERS_ROLE);
}
const GONE: Refusal = unauthorized('API key has been revoked');

/** The refusal of the same call with a token of the caller, which has the caller's scopes but for `keys:manage`. */
export function judgeToken({ holding, scopes }: Caller, { procedure, scope }: { procedure: string; scope?: Scope }) {
  const caller = { holding, scopes: scopes.filter((one) => one !== 'keys:manage') };
  return judgeCaller(caller, scope, 'The token') ?? (procedure === 'keys.mintToken' ? MINTS_NONE : undefined);
}
const MINTS_NONE: Refusal = { status: 403, reason: 'A token cannot mint tokens' };

/** A member who is signed in. `id` is the membership's id. */
interface SignedInMember extends TestPerson {
  id: string;
  as: Browser;
}

/** Adds a member to the organization `one`, and signs the member in. */
export async function join(app: TestApp, role: Role): Promise<SignedInMember> {
  const person = await addMember(app, app.one.id, role);
  const members = await listMembers(asOperator(app.db, app.one.id), app.one.id);
  const id = members.find((member) => member.person.id === person.userId)?.id as string;
  return { ...person, id, as: await signedIn(app, person) };
}

type Issuer = Pick<Browser, 'trpc'> | { trpc: ReturnType<TestApp['trpc']> };

/** A key as it was issued or rotated, and a token that the key minted at once. */
interface Shown extends IssuedKey {
  token: string;
}

/** Makes a caller of each kind that holders bring about. A key comes after the key that issued it. */
export async function makeCallers(app: TestApp): Promise<Caller[]> {
  const callers: Caller[] = [];
  const add = (what: string, holding: Holding, { key, token, apiKey: { id, scopes } }: Shown) => {
    callers.push({ what, holding, key, token, id, scopes });
  };
  const withToken = async (issued: IssuedKey): Promise<Shown> => {
    const { token } = await app.trpc(issued.key).keys.mintToken.mutate({ expiresInMinutes: 60 });
    return { ...issued, token };
  };
  const issue = async ({ trpc }: Issuer, scopes: readonly Scope[] = SCOPES) =>
    await withToken(await trpc.keys.issue.mutate({ name: 'held', scopes: [...scopes] }));
  const issueAsOperator = async (scopes?: readonly Scope[]) =>
    await withToken(await app.issue(app.one.id, scopes && { scopes: [...scopes] }));
  const rotate = async ({ trpc }: Issuer, { apiKey: { id } }: IssuedKey) =>
    await withToken(await trpc.keys.rotate.mutate({ id }));
  const boss = await join(app, 'owner');
  const { members } = boss.as.trpc;
  const by = ({ key }: IssuedKey): Issuer => ({ trpc: app.trpc(key) });
  const leave = ({ id }: SignedInMember, ...keep: IssuedKey[]) =>
    members.remove.mutate({ id, keepKeys: keep.map(({ apiKey }) => apiKey.id) });

  const kinds: (readonly Scope[])[] = [SCOPES, ['contacts:read'], ['contacts:write'], ['keys:manage']];
  for (const scopes of kinds) add('the operator’s', 'nobody', await issueAsOperator(scopes));
  for (const was of ['owner', 'admin'] as const) {
    for (const role of ['owner', 'admin', 'member'] as const) {
      const person = await join(app, was);
      for (const scopes of kinds) add(`an ${was}’s who is now ${role}`, role, await issue(person.as, scopes));
      if (role !== was) await members.changeRole.mutate({ id: person.id, role });
    }
  }

  const removed = await join(app, 'admin');
  const left = await issue(removed.as);
  const children = [await issue(by(left)), await issue(by(left), ['contacts:read'])] as const;
  const grandchild = await issue(by(children[0]));
  const shared = await issue(boss.as);
  const [managers, operators] = [await issue(boss.as), await issueAsOperator()];
  const seen = await rotate(removed.as, shared);
  const seenByKey = await rotate(by(grandchild), managers);
  const seenOfOperators = await rotate(removed.as, operators);
  const keptChild = await issue(by(left));
  const shownAgain = await issue(by(left));
  const rotatedByBoss = await rotate(boss.as, shownAgain);
  await leave(removed, keptChild);
  add('an admin’s who was removed', 'gone', left);
  for (const child of children) add('issued by a removed admin’s key', 'gone', child);
  add('issued by a key that a removed admin’s key issued', 'gone', grandchild);
  add('seen by a removed admin who rotated an owner’s key', 'gone', seen);
  add('seen by a removed admin’s key that rotated an owner’s key', 'gone', seenByKey);
  add('seen by a removed admin who rotated the operator’s key', 'gone', seenOfOperators);
  add('older than the secret that a removed admin saw, of an owner’s key', 'owner', shared);
  add('older than the secret that a removed admin’s key saw, of an owner’s key', 'owner', managers);
  add('older than the secret that a removed admin saw, of the operator’s key', 'nobody', operators);
  add('issued by a removed admin’s key, and kept by an owner', 'owner', keptChild);
  add('issued by a removed admin’s key, before an owner rotated it', 'gone', shownAgain);
  // An owner holds this secret, but the end of the key that issued the key ends the key.
  add('issued by a removed admin’s key, and rotated by an owner', 'gone', rotatedByBoss);

  for (const [keeperWas, keeperIs] of [
    ['owner', 'owner'],
    ['admin', 'admin'],
    ['admin', 'member'],
    ['owner', 'member'],
    ['admin', 'gone'],
  ] as const) {
    const [leaver, keeper] = [await join(app, 'admin'), await join(app, keeperWas)];
    const kept = await issue(leaver.as);
    const child = await issue(by(kept));
    const keepKeys = [kept, child].map(({ apiKey }) => apiKey.id);
    await keeper.as.trpc.members.remove.mutate({ id: leaver.id, keepKeys });
    if (keeperIs === 'gone') await leave(keeper);
    else if (keeperIs !== keeperWas) await members.changeRole.mutate({ id: keeper.id, role: keeperIs });
    add(`kept by an ${keeperWas} who is now ${keeperIs}`, keeperIs, kept);
    add(`issued by a kept key, and kept by an ${keeperWas} who is now ${keeperIs}`, keeperIs, child);
  }

  const demoted = await join(app, 'admin');
  const [parent, theirs] = [await issue(demoted.as), await issue(boss.as)];
  const offspring = await issue(by(parent));
  const looked = await rotate(demoted.as, theirs);
  await members.changeRole.mutate({ id: demoted.id, role: 'member' });
  add('issued by a demoted admin’s key', 'member', offspring);
  add('older than the secret that a demoted admin saw', 'owner', theirs);
  add('seen by a demoted admin who rotated an owner’s key', 'member', looked);

  for (const role of ['admin', 'member'] as const) {
    const [revoker, origin] = [await join(app, 'admin'), await issue(boss.as)];
    const descendant = await issue(by(origin));
    await revoker.as.trpc.keys.revoke.mutate({ id: origin.apiKey.id, descendants: 'keep' });
    if (role !== 'admin') await members.changeRole.mutate({ id: revoker.id, role });
    add(`kept by an admin who is now ${role}, while its issuer was revoked`, role, descendant);
  }
  return callers;
}
