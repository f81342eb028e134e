import { type Kysely, sql } from 'kysely';
import type { ApiKeyUsage } from '../shared/apiKeyUsage.ts';
import { USAGE_DAYS } from '../shared/callOutcomes.ts';
import { MOST_KEYS } from '../shared/keyFormat.ts';
import type { Tenant } from './admission.ts';
import { state } from './apiKeys.ts';
import type { Schema } from './schema.ts';

/**
 * The largest number of keys in an answer: all active keys, and as many keys that are active no more. An organization
 * that issues a key for each task may have used far more keys.
 */
const MOST_SHOWN = 2 * MOST_KEYS;

interface UsageQuery {
  organizationId: string;
  /** Only the key of this id. */
  id?: string | undefined;
  /** Only keys that the person or the key of this id issued. */
  createdBy?: string | undefined;
}

/**
 * Counts the calls of the last 90 days, by day and outcome: of the key `id`, or of the active keys and the other keys
 * that were used in these days. Where there are too many keys, leaves out the keys that are active no more and were
 * last used longest ago.
 */
export async function listKeyUsage(db: Tenant, { organizationId, id, createdBy }: UsageQuery): Promise<ApiKeyUsage> {
  const isShown =
    id === undefined
      ? sql`(${state} = 'active' or exists (select from api_key_days d
          where d.organization_id = k.organization_id and d.api_key_id = k.id and d.day >= (select first_day from span)))`
      : sql`id = ${id}`;
  const isInSight = createdBy === undefined ? sql`true` : sql`created_by_id = ${createdBy}`;
  const { rows } = await sql<ApiKeyUsage>`
    with span as (
      select today, today - ${USAGE_DAYS - 1}::int as first_day from (select (now() at time zone 'UTC')::date as today) now
    ), shown as (
      select id, name, hint, ${state} as state from api_keys k
        where organization_id = ${organizationId} and ${isShown} and ${isInSight}
        order by ${state} = 'active' desc, last_used_at desc nulls last, id desc limit ${MOST_SHOWN}
    ), usage as (
      select api_key_id as id, sum(ok) as ok, sum(client_error) as client_error, sum(limited) as limited,
          sum(failed) as failed, json_agg(json_build_object('date', day, 'ok', ok, 'clientError', client_error,
            'limited', limited, 'failed', failed) order by day) as days
        from api_key_days
        where organization_id = ${organizationId} and api_key_id in (select id from shown)
          and day >= (select first_day from span)
        group by 1
    )
    select to_char(first_day, 'YYYY-MM-DD') as "from", to_char(today, 'YYYY-MM-DD') as "to", coalesce((
        select json_agg(json_build_object('id', id, 'name', name, 'hint', hint, 'state', state,
          'total', json_build_object('ok', coalesce(ok, 0), 'clientError', coalesce(client_error, 0),
            'limited', coalesce(limited, 0), 'failed', coalesce(failed, 0)),
          'days', coalesce(days, '[]')) order by id desc)
          from shown left join usage using (id)), '[]') as keys
      from span`.execute(db);
  return rows[0] as ApiKeyUsage;
}

/** Lists the ids of organizations with counts of calls that are too old to be kept. */
export async function listOrganizationsToTrim(db: Kysely<Schema>): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`select introzy_organizations_to_trim(${USAGE_DAYS}) as id`.execute(db);
  return rows.map(({ id }) => id);
}

/** Deletes an organization's counts of calls that are too old to be kept. */
export async function deleteOldKeyUsage(db: Tenant, organizationId: string): Promise<void> {
  await sql`
    delete from api_key_days
      where organization_id = ${organizationId} and day <= (now() at time zone 'UTC')::date - ${USAGE_DAYS}::int
    `.execute(db);
}
