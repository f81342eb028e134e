import { type Kysely, sql } from 'kysely';
import { toAccountAddress } from '../shared/text.ts';
import type { Schema } from './schema.ts';

/** The hour that has begun, whatever the time zone of the session. */
const HOUR = sql`date_trunc('hour', now(), 'UTC')`;

/** Places of a person's failed sign-ins in an hour. Further places are counted together, as `other`. */
const PLACES = 10;

/**
 * Counts a failed sign-in to the account of an email address, in each organization of the account's person. Without an
 * account, or without an organization, nothing is counted. So a stranger who guesses passwords adds a few entries an hour
 * to the audit log, however many guesses there are.
 */
export async function recordFailedSignIn(
  db: Kysely<Schema>,
  { email, address, userAgent }: { email: string; address: string; userAgent: string },
): Promise<void> {
  await sql`
    insert into failed_sign_ins as known (organization_id, user_id, hour, address, user_agent)
      select m.organization_id, u.id, ${HOUR}, place.address, place.user_agent
        from users u
        join members m on m.user_id = u.id
        cross join lateral (
          select count(*) < ${PLACES} or bool_or(f.address = ${address} and f.user_agent = ${userAgent}) as is_own
            from failed_sign_ins f where f.organization_id = m.organization_id and f.user_id = u.id and f.hour = ${HOUR}
        ) seen
        join (values (true, ${address}::text, ${userAgent}::text), (false, 'other', 'other')) place (is_own, address, user_agent)
          on place.is_own = seen.is_own
        where u.email = ${toAccountAddress(email)}
        order by m.organization_id
      on conflict (organization_id, user_id, hour, address, user_agent)
        do update set count = least(known.count, 2147483646) + 1`.execute(db);
}

/** The most counts that a statement moves. */
const BATCH = 1_000;

/**
 * Writes the counts of the hours that have ended into the audit log: an entry for each person, hour and place. A count
 * leaves its table in the statement that writes the entry, so that each count is logged once, whatever instances do at the
 * same time and wherever an instance ends. Gives the number of entries.
 */
export async function logFailedSignIns(db: Kysely<Schema>, signal?: AbortSignal): Promise<number> {
  let logged = 0;
  for (let isFull = true; isFull && !signal?.aborted; ) {
    const { numAffectedRows = 0n } = await sql`
      with ended as (
        delete from failed_sign_ins
          where (organization_id, user_id, hour, address, user_agent) in (
            select organization_id, user_id, hour, address, user_agent from failed_sign_ins where hour < ${HOUR}
              order by hour limit ${BATCH} for update skip locked)
          returning *
      )
      insert into audit_log (organization_id, actor, action, subject, details)
        select e.organization_id, person, 'person.signInFailed', person, jsonb_build_object(
            'address', e.address, 'userAgent', e.user_agent, 'count', e.count,
            'hour', to_char(e.hour at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
          from ended e
          join users u on u.id = e.user_id,
          jsonb_build_object('type', 'person', 'id', u.id, 'name', u.email) person
          order by e.hour, e.organization_id, e.user_id`.execute(db);
    logged += Number(numAffectedRows);
    isFull = numAffectedRows === BigInt(BATCH);
  }
  return logged;
}
