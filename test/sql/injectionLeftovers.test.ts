import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { isSeparated, openSession } from '../helpers/attacker.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

/*
 * What injected SQL can leave on its session, and what the next requests on the same pooled connection, of another
 * organization, meet. With separate logins no entry sets anything but the organization and the actor. A connection whose
 * session may have changed is not used again: db/driver/launch.ts.
 */

const separated = test.runIf(isSeparated);

const SERVED = [200, 201, 200];
/** A setting that an attack leaves on the session, and the status of a list, of a creation and of `keys.current`. */
const LEFTOVERS: [setting: string, value: string, statuses: number[]][] = [
  ['introzy.organization_id', 'one', SERVED],
  ['introzy.actor', 'key:00000000-0000-0000-0000-000000000000', SERVED],
  ['role', 'introzy_app', SERVED],
  ['role', 'none', SERVED],
  // Without its own limits the session's statements are still given up by the service at the call's deadline.
  ['statement_timeout', '0', SERVED],
  ['lock_timeout', '0', SERVED],
  ['idle_in_transaction_session_timeout', '0', SERVED],
  ['TimeZone', 'Asia/Tokyo', SERVED],
  ['bytea_output', 'escape', SERVED],
  // PostgreSQL reports a change of these settings.
  ['search_path', 'pg_catalog', SERVED],
  ['default_transaction_read_only', 'on', SERVED],
  ['DateStyle', 'SQL, DMY', SERVED],
  // The first request fails, and takes the connection along.
  ['row_security', 'off', [500, 201, 200]],
];

separated(
  'A setting that injected SQL leaves on its connection shows nobody another organization: at most one request fails',
  async () => {
    await using app = await testApp();
    await using session = await openSession(app);
    const { one, other } = app;
    await session.call(one.key, 'POST', '/api/contacts', { name: 'Theirs' });
    for (const [setting, value, statuses] of LEFTOVERS) {
      const left = value === 'one' ? one.id : value;
      await sql`select set_config(${setting}, ${left}, false)`.execute(session.tenant);
      const list = await session.call(other.key, 'GET', '/api/contacts');
      const created = await session.call(other.key, 'POST', '/api/contacts', { name: 'Own' });
      const current = await session.call(other.key, 'GET', '/api/keys/current');
      expect([list.status, created.status, current.status], `${setting} = ${value}`).toEqual(statuses);
      for (const { body } of [list, created, current]) expect(JSON.stringify(body)).not.toContain('Theirs');
      await session.reset();
    }
    const { body } = await session.call(other.key, 'GET', '/api/audit?action=contact.created');
    expect(JSON.stringify(body)).not.toContain(one.id);
  },
);

separated(
  'A client_encoding that injected SQL leaves on its connection garbles nothing that later requests write',
  async () => {
    await using app = await testApp();
    await using session = await openSession(app);
    await sql`select set_config('client_encoding', 'LATIN1', false)`.execute(session.tenant);
    const { body } = await session.call(app.other.key, 'POST', '/api/contacts', { name: 'Zoë' });
    expect(await runAsAdmin(app, `select name from contacts where id = '${body.data.id}'`)).toEqual([{ name: 'Zoë' }]);
  },
);

separated(
  'Injected SQL that replaces a prepared statement of its connection reads nothing of the next organization’s rows',
  async () => {
    await using app = await testApp();
    await using session = await openSession(app);
    const { one, other } = app;
    await session.call(other.key, 'POST', '/api/contacts', { name: 'Theirs' });
    await session.call(one.key, 'GET', '/api/contacts');
    const { rows } = await sql<{ name: string; statement: string; types: string }>`
      select name, statement, array_to_string(parameter_types::text[], ', ') as types
        from pg_prepared_statements where statement ~ 'as documents,[[:space:]]+count' and statement not like '%parameter_types%'`.execute(
      session.tenant,
    );
    expect(rows).toHaveLength(1);
    const { name, statement, types } = rows[0] as (typeof rows)[number];
    const leak = `select set_config('introzy.leak', (select string_agg(name, ' ') from contacts), false)`;
    await sql.raw(`deallocate ${name}`).execute(session.tenant);
    await sql
      .raw(`prepare ${name} (${types}) as select q.* from (${statement}) q, (${leak}) l`)
      .execute(session.tenant);
    expect((await session.call(other.key, 'GET', '/api/contacts')).status).toBe(200);
    const leaked = await sql`select current_setting('introzy.leak', true) as leak`.execute(session.tenant);
    expect(leaked.rows).toEqual([{ leak: null }]);
  },
);
