import { inject } from 'vitest';
import { migrate } from '../../db/migrate.ts';
import { type Database, openDatabase } from '../../db/open.ts';
import { createDatabase, PATIENT_LIMITS } from './database.ts';

/** Opens a database at the schema of the migration `to`: unless given, before accounts existed. */
export async function openOld(to = '0001_initial', poolSize = 4): Promise<{ db: Database; close(): Promise<void> }> {
  const { deadline, ...timeouts } = PATIENT_LIMITS;
  const provided = inject('database');
  if (provided.kind === 'embedded') {
    const db = await openDatabase({ kind: 'embedded', directory: undefined, timeouts });
    await migrate(db, { to });
    return { db, close: () => db.close() };
  }
  const { url, drop } = await createDatabase(provided);
  const db = await openDatabase({ kind: 'postgres', timeouts, options: { url, poolSize, deadline, prepare: true } });
  await migrate(db, { to });
  const close = async () => {
    await db.close();
    await drop();
  };
  return { db, close };
}
