import type { Kysely } from 'kysely';
import { validate as isUuid, v7 as uuidv7 } from 'uuid';
import type { Organization } from '../shared/organizations.ts';
import type { Tenant } from './admission.ts';
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

/** Finds an organization by id or by name. A UUID is read as an id. */
export async function findOrganization(db: Kysely<Schema>, idOrName: string): Promise<Organization | undefined> {
  return await db
    .selectFrom('organizations')
    .select(columns)
    .where(isUuid(idOrName) ? 'id' : 'name', '=', idOrName)
    .executeTakeFirst();
}

/** Lists every organization, oldest first. */
export async function listOrganizations(db: Kysely<Schema>): Promise<Organization[]> {
  return await db.selectFrom('organizations').select(columns).orderBy('id').execute();
}

/** The organization, as its members and its keys see the organization. */
export async function getOrganization(db: Tenant, organizationId: string): Promise<Organization> {
  return await db
    .selectFrom('organizations')
    .select(columns)
    .where('id', '=', organizationId)
    .executeTakeFirstOrThrow();
}
