import { type Kysely, sql } from 'kysely';
import { pino } from 'pino';
import { inject } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import type { Schema } from '../../db/schema.ts';
import { createApp } from '../../server/doors/app.ts';
import { createDeps } from '../../server/start/deps.ts';
import { sealAuditLog } from '../../server/start/sealAuditLog.ts';
import { addMember, PASSWORD, signedIn } from './browser.ts';
import { callApi } from './instance.ts';
import { runAsAdmin } from './tables.ts';
import type { TestApp } from './testApp.ts';
import { openSeparated } from './testDatabase.ts';

/** True where the service has separate logins. */
export const isSeparated = 'logins' in inject('database');

/** SQLSTATEs: a privilege that the login lacks, and a syntax error. */
export const DENIED = '42501';
export const SYNTAX = '42601';

/** Opens a database with one connection, so that each transaction has the session of the transaction before. */
export async function openSession(app: TestApp) {
  if (!app.logins) throw new Error('This needs separate logins');
  const db = await openSeparated(app.logins, 1);
  const deps = createDeps({ db, log: pino({ level: 'silent' }), keySecrets: app.keySecrets, rateLimit: 1_000_000 });
  const service = createApp(deps);
  return {
    db,
    tenant: asOperator(db, app.one.id),
    /** Calls REST on a service that has the connection. */
    call: (key: string, ...request: [string, string, unknown?]) => callApi(service, key, request),
    /** Takes the session's settings back, so that an attack meets the login as the login connects. */
    async reset() {
      await sql`reset all`.execute(db.root);
      await sql`reset role`.execute(db.root);
    },
    async [Symbol.asyncDispose]() {
      await deps.lastUse.flush();
      await db.close();
    },
  };
}

/** Runs SQL in `trx`, and goes on after a failure. Gives the rows, or the SQLSTATE of the failure. */
export async function tryIn(trx: Kysely<Schema>, statement: string): Promise<unknown[] | string | undefined> {
  await sql`savepoint before`.execute(trx);
  try {
    return (await sql.raw(statement).execute(trx)).rows;
  } catch (error) {
    await sql`rollback to before`.execute(trx);
    return (error as { code?: string }).code;
  }
}

/**
 * By table: the condition by which a row is the row of the organization `$1`. A tenant may read each of these tables.
 */
const ROWS_OF = {
  organizations: 'id = $1',
  organization_settings: 'id = $1',
  contacts: 'organization_id = $1',
  contact_emails: 'organization_id = $1',
  contact_tags: 'organization_id = $1',
  contact_words: 'organization_id = $1',
  contact_words_left: 'organization_id = $1',
  api_keys: 'organization_id = $1',
  api_key_tokens: 'organization_id = $1',
  api_key_secrets: 'organization_id = $1',
  api_key_places: 'organization_id = $1',
  api_key_days: 'organization_id = $1',
  api_key_notices: 'organization_id = $1',
  api_key_notices_due: 'organization_id = $1',
  audit_log: 'organization_id = $1',
  audit_seals: 'organization_id = $1',
  audit_seal_entries: 'organization_id = $1',
  audit_chains: 'organization_id = $1',
  kept_answers: 'organization_id = $1',
  members: 'organization_id = $1',
  invitations: 'organization_id = $1',
  sessions: 'active_organization_id = $1',
  session_proofs: 'session_id in (select id from sessions where active_organization_id = $1)',
  users: 'id = $2',
};

/** Counts the rows of an organization that a connection sees in each table, its owner in `users`. */
const countsOf = ({ id, ownerId }: TestApp['other']) =>
  Object.entries(ROWS_OF)
    .map(([table, condition]) => {
      const isOf = condition.replace('$1', `'${id}'`).replace('$2', `'${ownerId}'`);
      return `(select count(*)::int from ${table} where ${isOf}) as ${table}`;
    })
    .join(', ');

/** The rows of `other` that a connection sees, the connection's role, and whether `contacts` is our table. */
export async function reach(db: Kysely<Schema>, other: TestApp['other']) {
  const { rows } = await sql
    .raw<{ actsAs: string; isReal: boolean } & Record<string, unknown>>(
      `select ${countsOf(other)}, current_user::text as "actsAs",
      to_regclass('contacts') = to_regclass('public.contacts') as "isReal"`,
    )
    .execute(db);
  const { actsAs, isReal, ...seen } = rows[0] ?? {};
  return { seen, actsAs, isReal };
}

export const NOTHING = Object.fromEntries(Object.keys(ROWS_OF).map((table) => [table, 0]));

/**
 * Gives `other` rows in each table that `reach` counts, and `one` a contact. Gives the counts of the rows of `other`.
 */
export async function fillTables(app: TestApp): Promise<Record<string, unknown>> {
  const { one, other } = app;
  for (const { key } of [one, other]) {
    const { contacts } = app.trpc(key);
    const { id } = await contacts.create.mutate({ name: 'Ada', tags: ['vip'], otherEmails: ['ada@example.com'] });
    await contacts.update.mutate({ id, name: 'Augusta' });
    await app.trpc(key).keys.mintToken.mutate({ expiresInMinutes: 60 });
    await app.api(key, 'POST', '/api/contacts', { name: 'Once' }, { 'idempotency-key': 'once' });
  }
  const owner = await signedIn(app, await addMember(app, other.id, 'owner'));
  await owner.trpc.members.invite.mutate({ email: 'eve@example.com', role: 'member' });
  await owner.account('/prove', { password: PASSWORD });
  await runAsAdmin(app, `insert into organization_settings (id) values ('${other.id}')`);
  await app.deps.lastUse.flush();
  // A notice of the expiry is due, and the notice of an earlier expiry is recorded.
  await runAsAdmin(app, `update api_keys set expires_at = now() + interval '3 days' where id = '${other.keyId}'`);
  await runAsAdmin(
    app,
    `insert into api_key_notices (organization_id, api_key_id, expires_at, days, user_id, claimed_until)
      values ('${other.id}', '${other.keyId}', '2020-01-01Z', 1, '${other.ownerId}', '2020-01-01Z')`,
  );
  await sealAuditLog(app.deps);
  const [counts = {}] = await runAsAdmin(app, `select ${countsOf(other)}`);
  const empty = Object.keys(counts).filter((table) => counts[table] === 0);
  if (empty.length > 0) throw new Error(`The organization has no rows in ${empty}`);
  return counts;
}
