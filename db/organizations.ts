import { type Kysely, sql } from 'kysely';
import { validate as isUuid, v7 as uuidv7 } from 'uuid';
import { DAYS_TO_RESTORE } from '../shared/daysToRestore.ts';
import type { Organization, OrganizationDeleted } from '../shared/organizations.ts';
import { inTransaction, type Tenant } from './admission.ts';
import { isUniqueViolation } from './errors.ts';
import { lockFamilies } from './keyFamily.ts';
import type { Outcome } from './outcome.ts';
import type { Schema } from './schema.ts';

const columns = ['id', 'name'] as const;

/** Makes an organization; `undefined` where another organization has the name. */
export async function insertOrganization(db: Kysely<Schema>, name: string): Promise<Organization | undefined> {
  return await db
    .insertInto('organizations')
    .values({ id: uuidv7(), name })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .returning(columns)
    .executeTakeFirst();
}

/**
 * Finds an organization by id or by name, also an organization that is deleted: its name stays taken. A UUID is read as
 * an id.
 */
export async function findOrganization(db: Kysely<Schema>, idOrName: string): Promise<Organization | undefined> {
  return await db
    .selectFrom('organizations')
    .select(columns)
    .where(isUuid(idOrName) ? 'id' : 'name', '=', idOrName)
    .executeTakeFirst();
}

/** An organization as the operator sees it. Both dates are `null` unless the organization is deleted. */
export interface ListedOrganization extends Organization {
  createdAt: Date;
  deletedAt: Date | null;
  /** When the organization is erased. */
  erasedAt: Date | null;
}

const ERASED_AT = sql<Date | null>`deleted_at + make_interval(hours => ${sql.lit(24 * DAYS_TO_RESTORE)})`;

/** Lists every organization, oldest first, with those that are deleted and not erased yet. */
export async function listOrganizations(db: Kysely<Schema>): Promise<ListedOrganization[]> {
  return await db
    .selectFrom('organizations')
    .leftJoin('organization_settings', 'organization_settings.id', 'organizations.id')
    .select([
      'organizations.id',
      'name',
      'created_at as createdAt',
      'deleted_at as deletedAt',
      ERASED_AT.as('erasedAt'),
    ])
    .orderBy('organizations.id')
    .execute();
}

/** Says whether the organization requires a second factor of every member. */
export async function updateRequiredFactor(
  db: Tenant,
  { organizationId, isRequired }: { organizationId: string; isRequired: boolean },
): Promise<void> {
  await db
    .insertInto('organization_settings')
    .values({ id: organizationId, requires_factor: isRequired })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ requires_factor: isRequired }))
    .execute();
}

/** The organization, as its members and its keys see the organization. */
export async function getOrganization(db: Tenant, organizationId: string): Promise<Organization> {
  return await db
    .selectFrom('organizations')
    .select(columns)
    .where('id', '=', organizationId)
    .executeTakeFirstOrThrow();
}

/** Renames an organization. Failures: `absent`, also where the organization is deleted; `nameTaken`. */
export async function renameOrganization(
  db: Tenant,
  { organizationId, name }: { organizationId: string; name: string },
): Promise<Outcome<Organization>> {
  try {
    const renamed = await db
      .updateTable('organizations')
      .set({ name })
      .where('id', '=', organizationId)
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('organization_settings').where('id', '=', organizationId).where('deleted_at', 'is not', null),
          ),
        ),
      )
      .returning(columns)
      .executeTakeFirst();
    return renamed ?? { failure: 'absent' };
  } catch (error) {
    if (isUniqueViolation(error, 'organizations_name_key')) return { failure: 'nameTaken' };
    throw error;
  }
}

/**
 * Deletes an organization: from the next request on, its keys count as revoked, and no session enters the organization.
 * Pending invitations do not hold meanwhile. Failure: `absent`, also where the organization is deleted already.
 */
export async function deleteOrganization(db: Tenant, organizationId: string): Promise<Outcome<OrganizationDeleted>> {
  return await inTransaction(db, async (trx) => {
    await lockFamilies(trx, organizationId);
    // Waits for keys that are being issued: the trigger `suspend` holds a lock on the row.
    const organization = await lockOrganization(trx, organizationId);
    if (!organization) return { failure: 'absent' };
    const deleted = await trx
      .insertInto('organization_settings')
      .values({ id: organizationId, deleted_at: sql<Date>`now()` })
      .onConflict((conflict) =>
        conflict
          .column('id')
          .doUpdateSet({ deleted_at: sql<Date>`now()` })
          .where('organization_settings.deleted_at', 'is', null),
      )
      .returning([sql<Date>`deleted_at`.as('deletedAt'), sql<Date>`${ERASED_AT}`.as('erasedAt')])
      .executeTakeFirst();
    if (!deleted) return { failure: 'absent' };
    await trx
      .updateTable('api_keys')
      .set({ revoked_at: sql<Date>`now()`, suspended_at: sql<Date>`now()` })
      .where('organization_id', '=', organizationId)
      .where('revoked_at', 'is', null)
      .execute();
    return { ...organization, ...deleted };
  });
}

/**
 * Undoes a deletion: keys that were not revoked before work again, unless they have expired, and sessions enter again.
 * Failure: `absent`, also where the organization is not deleted, or where the days to restore are over.
 */
export async function restoreOrganization(db: Tenant, organizationId: string): Promise<Outcome<Organization>> {
  return await inTransaction(db, async (trx) => {
    const organization = await lockOrganization(trx, organizationId);
    if (!organization) return { failure: 'absent' };
    const { numUpdatedRows } = await trx
      .updateTable('organization_settings')
      .set({ deleted_at: null })
      .where('id', '=', organizationId)
      .where(ERASED_AT, '>', sql<Date>`now()`)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) return { failure: 'absent' };
    await trx
      .updateTable('api_keys')
      .set({ revoked_at: null, suspended_at: null })
      .where('organization_id', '=', organizationId)
      .where('suspended_at', 'is not', null)
      .execute();
    return organization;
  });
}

/** Locks the organization's row against keys that are being issued, against another deletion, and against the erasure. */
async function lockOrganization(trx: Tenant, organizationId: string): Promise<Organization | undefined> {
  return await trx
    .selectFrom('organizations')
    .select(columns)
    .where('id', '=', organizationId)
    .forNoKeyUpdate()
    .executeTakeFirst();
}
