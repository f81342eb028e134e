import { runBackground } from './background.ts';
import { remakeContacts } from './contactForm.ts';
import { expand } from './expand.ts';
import type { MigrateOptions } from './migrationList.ts';
import type { Database } from './open.ts';

/**
 * Brings the database to the newest schema, the work beside the service included. Gives the names of the migrations that
 * the call finished.
 */
export async function migrate(db: Database, options: MigrateOptions = {}): Promise<string[]> {
  return [...(await expand(db, options)), ...(await finishMigrations(db, options)).migrated];
}

/** The work beside the service: migrations that finished, and the number of contacts that were made anew. */
export interface Finished {
  migrated: string[];
  remade: number;
}

/**
 * Does the migrations that run beside the service, after `expand`. Then makes contacts of an older form anew. Instances of
 * the version before write such contacts until the last of these instances ends, so the call is repeated every hour.
 */
export async function finishMigrations(db: Database, options: MigrateOptions = {}): Promise<Finished> {
  const migrated = await runBackground(db, options);
  const isNewest = options.to === undefined && !options.signal?.aborted;
  return { migrated, remade: isNewest ? await remakeContacts(db, options.signal) : 0 };
}
