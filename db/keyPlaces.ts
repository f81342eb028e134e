import { sql } from 'kysely';
import type { ApiKeyPlace } from '../shared/apiKeys.ts';
import type { Tenant } from './admission.ts';

/** The largest number of places that a key's page shows. */
const PLACES = 50;

/** Lists the places that a key was used from, the place of the latest use first. Gives at most 50 places. */
export async function listKeyPlaces(
  db: Tenant,
  { organizationId, id }: { organizationId: string; id: string },
): Promise<ApiKeyPlace[]> {
  const places = await db
    .selectFrom('api_key_places')
    .select(['address', 'user_agent as userAgent', 'first_used_at as firstUsedAt', 'last_used_at as lastUsedAt'])
    .where('organization_id', '=', organizationId)
    .where('api_key_id', '=', id)
    .orderBy('last_used_at', 'desc')
    .limit(PLACES)
    .execute();
  const { rows } = await sql<{ address: string; userAgent: string; hint: string; lastUsedAt: Date }>`
    select address, user_agent as "userAgent", secret.key as hint, secret.value::timestamptz(3) as "lastUsedAt"
      from api_key_places, jsonb_each_text(secrets) secret
      where organization_id = ${organizationId} and api_key_id = ${id}
      order by "lastUsedAt" desc`.execute(db);
  const secrets = Map.groupBy(rows, ({ address, userAgent }) => `${address} ${userAgent}`);
  return places.map((place) => ({
    ...place,
    secrets: (secrets.get(`${place.address} ${place.userAgent}`) ?? []).map(({ hint, lastUsedAt }) => ({
      hint,
      lastUsedAt,
    })),
  }));
}

/** A use of a key from outside of the key's allowed addresses, in report mode. */
export interface OutsideUse {
  organizationId: string;
  keyId: string;
  /** The coarse place of the use. */
  place: { address: string; userAgent: string };
}

/**
 * Notes in the audit log, at most once an hour of each place, that a key was used from outside of its allowed
 * addresses.
 */
export async function reportOutsideUse(db: Tenant, { organizationId, keyId, place }: OutsideUse): Promise<void> {
  await db
    .insertInto('api_key_places')
    .values({
      organization_id: organizationId,
      api_key_id: keyId,
      address: place.address,
      user_agent: place.userAgent,
      first_used_at: sql<Date>`now()`,
      last_used_at: sql<Date>`now()`,
      reported_at: sql<Date>`now()`,
    })
    .onConflict((conflict) =>
      conflict
        .columns(['organization_id', 'api_key_id', 'address', 'user_agent'])
        .doUpdateSet({ reported_at: sql<Date>`now()` })
        .where(sql<boolean>`(api_key_places.reported_at > now() - interval '1 hour') is not true`),
    )
    .execute();
}
