import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import type { Member, MemberRemoved, Role } from '../shared/people.ts';
import { mayGive } from '../shared/roles.ts';
import { inTransaction, type Tenant } from './admission.ts';
import { settleHeldKeys } from './heldKeys.ts';
import { lockFamilies } from './keyFamily.ts';
import type { Outcome } from './outcome.ts';

const columns = [
  'members.id',
  sql<Member['person']>`json_build_object('id', users.id, 'name', users.name, 'email', users.email)`.as('person'),
  'members.role',
  'members.created_at as joinedAt',
] as const;

const selectMembers = (db: Tenant, organizationId: string) =>
  db
    .selectFrom('members')
    .innerJoin('users', 'users.id', 'members.user_id')
    .select(columns)
    .where('members.organization_id', '=', organizationId);

/** Lists every member of the organization, in the order of joining. */
export async function listMembers(db: Tenant, organizationId: string): Promise<Member[]> {
  return await selectMembers(db, organizationId).orderBy('members.created_at').orderBy('members.id').execute();
}

/** Makes a person a member of the organization. The person must have an account. */
export async function insertMember(
  db: Tenant,
  { organizationId, userId, role }: { organizationId: string; userId: string; role: Role },
): Promise<void> {
  await db
    .insertInto('members')
    .values({ organization_id: organizationId, id: uuidv7(), user_id: userId, role })
    .execute();
}

export interface MemberChange {
  organizationId: string;
  id: string;
  /** The caller's role. A caller may not change a member of a higher role, nor give a role above the caller's own. */
  by: Role;
}

/** Gives a member another role. Failures: `absent`, `outranked`, and `lastOwner`: the last owner stays an owner. */
export async function updateMemberRole(
  db: Tenant,
  { organizationId, id, by, role }: MemberChange & { role: Role },
): Promise<Outcome<Member>> {
  return await inTransaction(db, async (trx) => {
    const member = await lockMember(trx, { organizationId, id, by, isOwnerAfter: role === 'owner' });
    if ('failure' in member) return member;
    if (!mayGive(by, role)) return { failure: 'outranked' };
    if (member.role !== role) {
      const update = trx.updateTable('members').set({ role }).where('organization_id', '=', organizationId);
      await update.where('id', '=', id).execute();
    }
    return { ...member, role };
  });
}

export interface MemberRemoval extends MemberChange {
  /** The person who removes the member. */
  callerId: string;
  keepKeys: string[];
}

/**
 * Removes a member: deletes the membership and the person's sessions in the organization, and ends the keys that the
 * person holds, except the keys named in `keepKeys`. Either all of the changes happen or no change happens. The removal
 * acts from the next request on. Failures: `absent`, `outranked`, `lastOwner`, and `keepsForNobody` where a person who
 * leaves wants to keep keys: the person would be their holder.
 */
export async function deleteMember(
  db: Tenant,
  { organizationId, id, by, callerId, keepKeys }: MemberRemoval,
): Promise<Outcome<MemberRemoved>> {
  return await inTransaction(db, async (trx) => {
    await lockFamilies(trx, organizationId);
    const member = await lockMember(trx, { organizationId, id, by, isOwnerAfter: false });
    if ('failure' in member) return member;
    const { id: userId } = member.person;
    if (userId === callerId && keepKeys.length > 0) return { failure: 'keepsForNobody' };
    const settled = await settleHeldKeys(trx, { organizationId, userId, keep: keepKeys });
    await trx
      .deleteFrom('sessions')
      .where('active_organization_id', '=', organizationId)
      .where('user_id', '=', userId)
      .execute();
    await trx.deleteFrom('members').where('organization_id', '=', organizationId).where('id', '=', id).execute();
    return { member, ...settled };
  });
}

/** Finds a member. Failure: `absent`. */
export async function getMember(
  db: Tenant,
  { organizationId, id }: { organizationId: string; id: string },
): Promise<Outcome<Member>> {
  const member = await selectMembers(db, organizationId).where('members.id', '=', id).executeTakeFirst();
  return member ?? { failure: 'absent' };
}

/** Locks a member and all owners. Where two changes run at once, the second change sees the result of the first. */
async function lockMember(
  trx: Tenant,
  { organizationId, id, by, isOwnerAfter }: MemberChange & { isOwnerAfter: boolean },
): Promise<Outcome<Member>> {
  const locked = await trx
    .selectFrom('members')
    .select(['id', 'role'])
    .where('organization_id', '=', organizationId)
    .where((eb) => eb.or([eb('id', '=', id), eb('role', '=', 'owner')]))
    .orderBy('id')
    .forUpdate()
    .execute();
  const member = await selectMembers(trx, organizationId).where('members.id', '=', id).executeTakeFirst();
  if (!member) return { failure: 'absent' };
  if (!mayGive(by, member.role)) return { failure: 'outranked' };
  const owners = locked.filter(({ role }) => role === 'owner');
  const isLast = member.role === 'owner' && owners.length === 1;
  return isLast && !isOwnerAfter ? { failure: 'lastOwner' } : member;
}
