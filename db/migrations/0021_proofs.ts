import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

/**
 * Knows of a session when its person last proved who they are, and how many wrong proofs came since. A session without a
 * row has had no proof but the sign-in that began the session. The facts have a table of their own: better-auth reads
 * all columns of `sessions` in prepared statements, which fail on the open connections of the version before once there
 * is a further column.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    `create table session_proofs (
      session_id uuid primary key references sessions on delete cascade,
      proved_at timestamptz(3),
      failed_proofs smallint not null default 0,
      with_passkey boolean not null default false
    )`,
    'alter table session_proofs enable row level security',
    `create policy auth on session_proofs to introzy_auth
      using (introzy_for_accounts()) with check (introzy_for_accounts())`,
    // The policy of sessions leaves a tenant the sessions of its own organization.
    `create policy tenant on session_proofs for select to introzy_app
      using (exists (select from sessions where sessions.id = session_id))`,
    'grant select, insert, update, delete on session_proofs to introzy_auth',
    'grant select (session_id, proved_at) on session_proofs to introzy_app',
    'grant select (id, created_at) on sessions to introzy_app',
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}
