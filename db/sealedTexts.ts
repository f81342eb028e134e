import { type Kysely, sql } from 'kysely';
import type { Schema } from './schema.ts';

/**
 * A column with texts that server/auth/sealedText.ts has sealed, in a table of the accounts whose key is the uuid `id`. `null`
 * stands for no text.
 */
export interface SealedColumn {
  table: string;
  column: string;
}

/** All such columns. The purpose of a sealed text is its column: `two_factors.secret`. */
export const SEALED_COLUMNS: readonly SealedColumn[] = [
  { table: 'two_factors', column: 'secret' },
  { table: 'two_factors', column: 'backup_codes' },
];

const sealerOf = (column: string) => sql<string>`split_part(${sql.ref(column)}, ':', 1)`;

/** Counts the sealed texts of a column by the id of the server secret. */
export async function countSealed(
  db: Kysely<Schema>,
  { table, column }: SealedColumn,
): Promise<{ secretId: string; count: number }[]> {
  const { rows } = await sql<{ secretId: string; count: number }>`
    select ${sealerOf(column)} as "secretId", count(*)::int as count from ${sql.table(table)}
      where ${sql.ref(column)} is not null group by 1`.execute(db);
  return rows;
}

const BATCH = 200;

/**
 * Seals the texts of a column anew that another server secret than `secretId` has sealed, in batches that commit one by
 * one. `reseal` gives `undefined` for a text that stays. Gives the number of texts that were sealed anew. A text that
 * somebody changes at the same time stays as changed.
 */
export async function resealColumn(
  db: Kysely<Schema>,
  { table, column, secretId, reseal }: SealedColumn & { secretId: string; reseal(sealed: string): string | undefined },
): Promise<number> {
  let count = 0;
  for (let after: string | null = null; ; ) {
    const { rows } = await sql<{ id: string; sealed: string }>`
      select id, ${sql.ref(column)} as sealed from ${sql.table(table)}
        where ${sealerOf(column)} <> ${secretId} and (${after}::uuid is null or id > ${after}::uuid)
        order by id limit ${BATCH}`.execute(db);
    const texts = rows.map(({ id, sealed }) => ({ id, sealed, anew: reseal(sealed) }));
    const { numAffectedRows = 0n } = await sql`
      update ${sql.table(table)} t set ${sql.ref(column)} = n.anew
        from json_to_recordset(${JSON.stringify(texts)}::json) n (id uuid, sealed text, anew text)
        where t.id = n.id and t.${sql.ref(column)} = n.sealed and n.anew is not null`.execute(db);
    count += Number(numAffectedRows);
    after = rows.at(-1)?.id ?? null;
    if (rows.length < BATCH) return count;
  }
}
