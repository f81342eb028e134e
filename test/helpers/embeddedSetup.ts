import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { migrate } from '../../db/migrate.ts';
import { openDatabase } from '../../db/open.ts';
import { PATIENT_LIMITS } from './database.ts';

/** Makes an embedded database at the newest schema. Each test file works on a copy of the database's directory. */
export default async function setup(project: TestProject) {
  const directory = await mkdtemp(join(tmpdir(), 'introzy-embedded-'));
  const db = await openDatabase({ kind: 'embedded', directory, timeouts: PATIENT_LIMITS });
  await migrate(db.root);
  await db.close();
  project.provide('database', { kind: 'embedded', directory });
  return () => rm(directory, { recursive: true, force: true });
}
