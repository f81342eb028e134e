import { type Kysely, sql } from 'kysely';
import { DIGESTED_COLUMNS, IS_DIGEST } from './digestedColumns.ts';
import type { Schema } from './schema.ts';

const BATCH = 500;

/**
 * Digests the texts that the version before has written where digests belong now, in batches that commit one by one. Gives
 * the number of texts. `signal` ends the call between two batches.
 */
export async function digestPlainTokens(
  db: Kysely<Schema>,
  { digest, signal }: { digest(text: string, purpose: string): string; signal?: AbortSignal | undefined },
): Promise<number> {
  let count = 0;
  for (const { table, column } of DIGESTED_COLUMNS) {
    for (let isFull = true; isFull && !signal?.aborted; ) {
      const { rows } = await sql<{ id: string; text: string }>`
        select id, ${sql.ref(column)} as text from ${sql.table(table)} where ${sql.ref(column)} !~ ${IS_DIGEST}
          limit ${BATCH}`.execute(db);
      const digests = rows.map(({ id, text }) => ({ id, text, digest: digest(text, `${table}.${column}`) }));
      const { numAffectedRows = 0n } = await sql`
        update ${sql.table(table)} t set ${sql.ref(column)} = d.digest
          from json_to_recordset(${JSON.stringify(digests)}::json) d (id uuid, text text, digest text)
          where t.id = d.id and t.${sql.ref(column)} = d.text`.execute(db);
      count += Number(numAffectedRows);
      isFull = rows.length === BATCH;
    }
  }
  return count;
}
