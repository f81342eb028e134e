import { setTimeout } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import { toAccountAddress } from '../shared/text.ts';
import { eraseAuditNames } from './auditErasure.ts';
import { erasePersonAnswers } from './keptAnswers.ts';
import { deleteMember } from './members.ts';
import type { Schema } from './schema.ts';

/** An organization that would be without an owner. */
export interface SoleOwnership {
  id: string;
  name: string;
  deletedAt: Date | null;
}

/** What an erasure has done. */
export interface ErasedPerson {
  /** The id of the account; `null` where no account has the address. */
  userId: string | null;
  /** The name of the account. */
  name: string | undefined;
  /** The ids of the organizations that the person was a member of. */
  organizations: string[];
  revokedKeys: string[];
  /** The number of invitations to the address. */
  invitations: number;
  /** The number of entries of audit logs that named the person. */
  auditEntries: number;
}

/**
 * Erases the person of an address in all organizations: account, sessions, memberships, invitations, password resets,
 * failed sign-ins, and the names in audit logs and on keys. Keys end as a removed member's keys do. All of it is a single
 * transaction. Where the person is the only owner of organizations, gives those instead, and nothing is changed. An
 * address without an account has its invitations and its names erased. `db` is the owner's of the tables.
 */
export async function erasePerson(db: Kysely<Schema>, email: string): Promise<ErasedPerson | SoleOwnership[]> {
  const address = toAccountAddress(email);
  return await db.transaction().execute(async (trx) => {
    // Whatever refers to the person meanwhile, such as a sign-in, waits, and then finds no account.
    const user = await trx
      .selectFrom('users')
      .select(['id', 'name'])
      .where('email', '=', address)
      .forUpdate()
      .executeTakeFirst();
    const erased: ErasedPerson = {
      userId: user?.id ?? null,
      name: user?.name,
      organizations: [],
      revokedKeys: [],
      invitations: 0,
      auditEntries: 0,
    };
    const all = await trx
      .selectFrom('organizations')
      .leftJoin('organization_settings', 'organization_settings.id', 'organizations.id')
      .select(['organizations.id', 'name', 'deleted_at as deletedAt'])
      .orderBy('organizations.id')
      .execute();
    if (user) {
      const owned: SoleOwnership[] = [];
      for (const organization of all) {
        if (await isOnlyOwner(trx, { organizationId: organization.id, userId: user.id })) owned.push(organization);
      }
      if (owned.length > 0) return owned;
    }
    for (const { id: organizationId } of all) {
      await enterOrganization(trx, organizationId);
      if (user) await leave(trx, { organizationId, userId: user.id, erased });
      erased.invitations += await eraseTraces(trx, {
        organizationId,
        userId: user?.id ?? null,
        address,
        name: user?.name,
      });
    }
    if (user) {
      // A passkey that is being added names the person in JSON.
      await sql`delete from verifications where strpos(value, ${user.id}::text) > 0`.execute(trx);
      // Accounts, sessions, passkeys and failed sign-ins go with the person.
      await trx.deleteFrom('users').where('id', '=', user.id).execute();
    }
    erased.auditEntries = await eraseAuditNames(trx, { userId: erased.userId, names: namesOf(address, user?.name) });
    return erased;
  });
}

/** Milliseconds between two looks at the transactions that are open. */
const PAUSE = 50;

/**
 * Erases the names that transactions have written which were open during the erasure: an entry that is not committed yet
 * cannot be found. Waits for those transactions, for at most `patience` milliseconds. False where some are still open.
 */
export async function eraseLateNames(
  db: Kysely<Schema>,
  {
    email,
    userId,
    name,
    patience,
  }: { email: string; userId: string | null; name: string | undefined; patience: number },
): Promise<boolean> {
  const address = toAccountAddress(email);
  const { rows } = await sql<{ next: string }>`select pg_snapshot_xmax(pg_current_snapshot())::text as next`.execute(
    db,
  );
  const next = rows[0]?.next as string;
  const deadline = performance.now() + patience;
  let isSettled = false;
  while (!isSettled) {
    const { rows } = await sql<{ isSettled: boolean }>`
      select pg_snapshot_xmin(pg_current_snapshot()) >= ${next}::xid8 as "isSettled"`.execute(db);
    isSettled = rows[0]?.isSettled ?? false;
    if (isSettled || performance.now() > deadline) break;
    await setTimeout(PAUSE);
  }
  await db.transaction().execute(async (trx) => {
    for (const { id: organizationId } of await trx.selectFrom('organizations').select('id').orderBy('id').execute()) {
      await enterOrganization(trx, organizationId);
      await eraseTraces(trx, { organizationId, userId, address, name });
    }
    await eraseAuditNames(trx, { userId, names: namesOf(address, name) });
  });
  return isSettled;
}

const namesOf = (address: string, name: string | undefined) => (name === undefined ? [address] : [address, name]);

async function enterOrganization(trx: Kysely<Schema>, organizationId: string): Promise<void> {
  await sql`select set_config('introzy.organization_id', ${organizationId}, true)`.execute(trx);
}

interface InOrganization {
  organizationId: string;
  userId: string;
}

/** True where the organization has no other owner, or waits for the person as its first owner. */
async function isOnlyOwner(trx: Kysely<Schema>, { organizationId, userId }: InOrganization): Promise<boolean> {
  await enterOrganization(trx, organizationId);
  const { rows } = await sql`
    select where not exists (select from members
          where organization_id = ${organizationId} and role = 'owner' and user_id <> ${userId})
      and (exists (select from members
            where organization_id = ${organizationId} and role = 'owner' and user_id = ${userId})
        or exists (select from invitations
            where organization_id = ${organizationId} and inviter_id = ${userId} and status = 'pending'
              and email = (select email from users where id = ${userId})))`.execute(trx);
  return rows.length > 0;
}

/** Ends the person's membership, if any, as a removal does. */
async function leave(
  trx: Kysely<Schema>,
  { organizationId, userId, erased }: InOrganization & { erased: ErasedPerson },
): Promise<void> {
  const member = await trx
    .selectFrom('members')
    .select('id')
    .where('organization_id', '=', organizationId)
    .where('user_id', '=', userId)
    .executeTakeFirst();
  if (!member) return;
  const removal = { organizationId, id: member.id, by: 'owner' as const, callerId: userId, keepKeys: [] };
  const removed = await deleteMember(trx, removal);
  if ('failure' in removed) throw new Error(`The member cannot be removed: ${removed.failure}`);
  erased.organizations.push(organizationId);
  erased.revokedKeys.push(...removed.revokedKeys);
}

interface Traces {
  organizationId: string;
  userId: string | null;
  address: string;
  name: string | undefined;
}

/**
 * Erases invitations to the address, the address on keys that the person has issued, and kept answers. Gives the number of
 * invitations.
 */
async function eraseTraces(trx: Kysely<Schema>, { organizationId, userId, address, name }: Traces): Promise<number> {
  await erasePersonAnswers(trx, { organizationId, userId, names: namesOf(address, name) });
  await sql`
    update api_keys set created_by_name = '(erased)'
      where organization_id = ${organizationId} and created_by_type = 'person' and created_by_name <> '(erased)'
        and (created_by_id = ${userId}::text or lower(created_by_name) = ${address})`.execute(trx);
  const { numDeletedRows } = await trx
    .deleteFrom('invitations')
    .where('organization_id', '=', organizationId)
    .where('email', '=', address)
    .executeTakeFirstOrThrow();
  return Number(numDeletedRows);
}
