import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { migrate } from '../../db/migrate.ts';
import { openDatabase } from '../../db/open.ts';

/** The database that a test project runs on. */
export type TestDatabase =
  | { kind: 'embedded' }
  /**
   * `adminUrl` is a user that may create databases. `ownerUrl` is the user that the service connects as, and not a
   * superuser. `template` is a database at the newest schema, which tests copy. With `logins` the service connects with
   * these separate logins, and `ownerUrl` owns the tables.
   */
  | { kind: 'postgres'; adminUrl: string; ownerUrl: string; template: string; logins?: Logins };

/** The URLs of separate logins: of the service, and of better-auth. */
export interface Logins {
  service: string;
  accounts: string;
}

/** Milliseconds, for tests whose subject is not time: a busy machine is no reason for a 503. */
export const PATIENT_LIMITS = { statement: 20_000, lock: 20_000, deadline: 25_000 } as const;

declare module 'vitest' {
  interface ProvidedContext {
    database: TestDatabase;
    /** The directory of an embedded database at the newest schema, of which tests work on copies. */
    embeddedTemplate: string;
  }
}

type Server = Pick<TestDatabase & { kind: 'postgres' }, 'adminUrl' | 'ownerUrl'>;

/** Makes a new database: an empty database, or a copy of `template`. `drop` removes the database. */
export async function createDatabase({ adminUrl, ownerUrl }: Server, template = 'template1') {
  const name = `introzy_${randomUUID().replaceAll('-', '')}`;
  const owner = new URL(ownerUrl).username;
  await runAs(adminUrl, [`create database ${name} owner ${owner} template ${template}`]);
  const at = (url: string) => Object.assign(new URL(url), { pathname: `/${name}` }).href;
  // A copy of a database does not have the rights of the database itself.
  await runAs(adminUrl, [`revoke temporary on database ${name} from public`]);
  return {
    at,
    name,
    url: at(ownerUrl),
    adminUrl: at(adminUrl),
    drop: () => runAs(adminUrl, [`drop database if exists ${name} with (force)`]),
  };
}

/** Makes a database at the newest schema, for tests to copy. */
export async function createTemplate(server: Server) {
  const { name, url, drop } = await createDatabase(server);
  const { deadline, ...timeouts } = PATIENT_LIMITS;
  const options = { url, poolSize: 2, deadline, prepare: true };
  const db = await openDatabase({ kind: 'postgres', timeouts, options });
  await migrate(db).finally(() => db.close());
  return { name, drop };
}

/** The PostgreSQL of the test project. Throws where the project runs on the embedded database. */
export function providedPostgres(): TestDatabase & { kind: 'postgres' } {
  const provided = inject('database');
  if (provided.kind !== 'postgres') throw new Error('This needs PostgreSQL');
  return provided;
}

/** Runs statements in order over a new connection. */
export async function runAs(url: string, statements: string[]) {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const results = [];
    for (const statement of statements) results.push(await client.query(statement));
    return results;
  } finally {
    await client.end();
  }
}
