import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { openDatabase } from '../../db/open.ts';
import { createDatabase, type Logins, PATIENT_LIMITS } from './database.ts';
import { copyDatabase } from './embedded.ts';
import { atFileEnd } from './fileEnd.ts';

const { deadline, ...timeouts } = PATIENT_LIMITS;

/**
 * Opens a new database at the newest schema, for one test or the tests of one file. `served` is the same database as the
 * service opens it. `close` removes the database.
 */
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
    return { db, served: db, url: undefined, adminUrl: undefined, logins: undefined, close };
  }
  const { url, adminUrl, at, drop } = await createDatabase(provided, provided.template);
  const connect = (login: string) => ({ url: login, poolSize: 10, deadline, prepare: true });
  const owner = await openDatabase({ kind: 'postgres', timeouts, options: connect(url) });
  const logins = provided.logins && { service: at(provided.logins.service), accounts: at(provided.logins.accounts) };
  const separate = logins && (await openSeparated(logins, 10));
  const close = async () => {
    await Promise.all([owner.close(), separate?.close()]);
    await drop();
  };
  // The root of a test is the owner: the service's own root has no rights to look at tables or to make an organization.
  const db = separate ? { ...separate, root: owner.root } : owner;
  return { db, served: separate ?? owner, url, adminUrl, logins, close };
}

/** Opens a database with separate logins. */
export const openSeparated = ({ service, accounts }: Logins, poolSize: number) =>
  openDatabase({
    kind: 'postgres',
    timeouts,
    options: { url: service, poolSize, deadline, prepare: true },
    accounts: { url: accounts, poolSize, deadline, prepare: true },
  });

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
