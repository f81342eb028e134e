import { expect } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { hintOf } from '../../shared/keyFormat.ts';
import type { Role } from '../../shared/people.ts';
import { isAbove, listHeld, type ModelCaller, removePerson } from './keyModel.ts';
import type { ModelPerson } from './modelRows.ts';
import type { Act } from './operations.ts';
import { type Actor, type Failure, pick, type Step, signOut } from './world.ts';

type ActOf<N extends Act['act']> = Extract<Act, { act: N }>;

const ABSENT: Failure = { status: 404, error: 'There is no member with this id' };
const OUTRANKED: Failure = { status: 403, details: { reason: 'Only an owner may do this to an owner, or make one' } };
const KEEPS_FOR_NOBODY: Failure = {
  status: 409,
  error: 'You cannot keep keys and leave: ask another owner or admin to remove you, who then holds these keys',
};

/** The refusal of a caller who is no owner and no admin in person. */
function refusalOf({ person }: ModelCaller): Failure | undefined {
  if (!person) return { status: 403, details: { reason: 'An API key is no person: sign in' } };
  if (isAbove(person.role, 'member')) return undefined;
  return { status: 403, details: { reason: 'Only an owner or an admin of the organization may do this' } };
}

const targetOf = ({ organization }: Actor, member: number) => pick(organization.people, member) as ModelPerson;
/** The role that a caller must not be below. */
const mayTouch = ({ person }: ModelCaller, role: Role | null) => !isAbove(role, person?.role ?? null);

const changeRole = (actor: Actor, { member, role }: ActOf<'changeRole'>): Step => {
  const target = targetOf(actor, member);
  return {
    procedure: 'members.changeRole',
    refusal: refusalOf(actor.caller),
    input: { id: target.memberId, role },
    expected() {
      if (target.role === null) return ABSENT;
      if (!mayTouch(actor.caller, target.role) || !mayTouch(actor.caller, role)) return OUTRANKED;
      return {
        accept(shown: object) {
          expect(shown).toMatchObject({ id: target.memberId, role });
          target.role = role;
        },
      };
    },
  };
};

const remove = (actor: Actor, { member, keep }: ActOf<'removeMember'>): Step => {
  const { organization, caller, world } = actor;
  const target = targetOf(actor, member);
  const ids = [...new Set(keep.flatMap((place) => pick(organization.keys, place)?.shown.id ?? []))];
  return {
    procedure: 'members.remove',
    refusal: refusalOf(caller),
    input: { id: target.memberId, keepKeys: ids },
    expected() {
      if (target.role === null) return ABSENT;
      if (!mayTouch(caller, target.role)) return OUTRANKED;
      if (caller.person === target && ids.length > 0) return KEEPS_FOR_NOBODY;
      return {
        async accept({ keptKeys, revokedKeys, sharedKeys }: Record<string, string[]>) {
          const settled = {
            keptKeys: keptKeys?.sort(),
            revokedKeys: revokedKeys?.sort(),
            sharedKeys: sharedKeys?.sort(),
          };
          const keeper = caller.person as ModelPerson;
          expect(settled).toEqual(removePerson(organization, target, { step: world.step, keeper, keep: ids }));
          signOut(world, target);
          await readTimes(actor);
        },
      };
    },
  };
};

/** The answer to a removal does not tell when the keys were revoked. */
async function readTimes({ organization: { id, keys }, world: { app } }: Actor) {
  const read = asOperator(app.db, id).selectFrom('api_keys').select(['id', 'revoked_at']);
  const rows = await read.where('organization_id', '=', id).execute();
  for (const row of keys) {
    const revokedAt = rows.find((each) => each.id === row.shown.id)?.revoked_at?.toISOString() ?? null;
    expect(revokedAt === null).toBe(row.shown.state !== 'revoked');
    row.shown = { ...row.shown, revokedAt };
  }
}

const held = (actor: Actor, { member }: ActOf<'heldKeys'>): Step => {
  const target = targetOf(actor, member);
  return {
    procedure: 'members.keys',
    refusal: refusalOf(actor.caller),
    input: { id: target.memberId, role: 'member' },
    expected() {
      if (target.role === null) return ABSENT;
      return {
        accept({ keys }: { keys: { secrets: object[]; descendsFrom: string[] }[] }) {
          const expected = listHeld(actor.organization, target).map(({ row: { shown }, isHeld, isShared, ...more }) => {
            const { id, name, hint, scopes } = shown;
            const loses = isHeld ? scopes.filter((scope) => scope === 'keys:manage') : [];
            const secrets = more.secrets.map(({ key }) => ({ hint: hintOf(key) }));
            const descendsFrom = more.descendsFrom.map((row) => row.shown.id).sort();
            return { id, name, hint, scopes, isHeld, isShared, loses, secrets, descendsFrom };
          });
          const sorted = keys.map((key) => ({ ...key, descendsFrom: key.descendsFrom.toSorted() }));
          expect(keys.map(({ secrets }) => secrets.length)).toEqual(expected.map(({ secrets }) => secrets.length));
          expect(sorted.length).toBe(expected.length);
          expect(sorted).toMatchObject(expected);
        },
      };
    },
  };
};

export const memberSteps = { changeRole, removeMember: remove, heldKeys: held };
