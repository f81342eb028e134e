import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { openDatabase } from '../../db/open.ts';
import { createDatabase, PATIENT_LIMITS } from './database.ts';
import { copyDatabase } from './embedded.ts';
import { atFileEnd } from './fileEnd.ts';

const { deadline, ...timeouts } = PATIENT_LIMITS;

/** Opens a new database at the newest schema, for one test or the tests of one file. `close` removes the database. */
export async function openTestDatabase() {
  const provided = inject('database');
  if (provided.kind === 'embedded') {
    const directory = await mkdtemp(join(tmpdir(), 'introzy-embedded-'));
    await copyDatabase(inject('embeddedTemplate'), directory);
    const db = await openDatabase({ kind: 'embedded', directory, timeouts });
    const close = async () => {
      await db.close();
      await rm(directory, { recursive: true, force: true });
    };
    return { db, url: undefined, adminUrl: undefined, close };
  }
  const { url, adminUrl, drop } = await createDatabase(provided, provided.template);
  const options = { url, poolSize: 10, deadline, prepare: true };
  const db = await openDatabase({ kind: 'postgres', timeouts, options });
  const close = async () => {
    await db.close();
    await drop();
  };
  return { db, url, adminUrl, close };
}

let shared: ReturnType<typeof openTestDatabase> | undefined;

/** The database that the tests of one file share. Each test has organizations of its own in the database. */
export function sharedTestDatabase() {
  if (!shared) {
    const opening = (shared = openTestDatabase());
    atFileEnd(async () => {
      shared = undefined;
      await (await opening).close();
    });
  }
  return shared;
}
