import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

/**
 * A session knows when its person last proved who they are, and how many wrong proofs came since. A sign-in is a proof,
 * also a sign-in by an instance of the version before: the column's default. Sessions from before have no proof.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    'alter table sessions add column proved_at timestamptz(3), add column failed_proofs smallint not null default 0',
    'alter table sessions alter column proved_at set default now()',
    'grant select (id, proved_at) on sessions to introzy_app',
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}
