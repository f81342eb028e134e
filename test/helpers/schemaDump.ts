import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { btree_gin } from '@electric-sql/pglite/contrib/btree_gin';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';
import { pgDump } from '@electric-sql/pglite-tools/pg_dump';
import { migrate } from '../../db/migrate.ts';
import { openDatabase } from '../../db/open.ts';

export const SCHEMA_FILE = resolve(import.meta.dirname, '../../docs/schema.sql');

const HEADER = `-- The schema of a migrated database. \`npm run schema\` writes this file, and a test compares it with the migrations.
-- Tables, functions and sequences without an OWNER belong to the user that migrated: here postgres.
`;

/**
 * A freshly migrated database as SQL: every part of the schema, and nothing that differs from run to run.
 *
 * PostgreSQL's own pg_dump writes the text, compiled to WebAssembly for PGlite. The text is therefore complete without
 * queries of ours over the catalogue, and equal on every machine. A pg_dump of the machine prints another text in each
 * version of PostgreSQL, and the PostgreSQL that the tests start has no pg_dump. @electric-sql/pglite-tools asks for an
 * older PGlite of PostgreSQL 18. package.json overrides that version; the test's round trip shows that the two fit.
 */
export async function dumpSchema(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'introzy-schema-'));
  try {
    const timeouts = { statement: 60_000, lock: 60_000 };
    const db = await openDatabase({ kind: 'embedded', directory, timeouts });
    await migrate(db).finally(() => db.close());
    await using pglite = await openPglite(directory);
    return await dump(pglite);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Runs `schema` in an empty database, and gives the schema of the database as SQL. */
export async function dumpRestored(schema: string): Promise<string> {
  await using pglite = await openPglite();
  // pg_dump sets the same option: the text has a function before the tables that the function's body names.
  await pglite.exec(`set check_function_bodies = off; ${schema}`);
  return await dump(pglite);
}

const openPglite = (dataDir?: string) =>
  PGlite.create({ ...(dataDir !== undefined && { dataDir }), extensions: { btree_gin, pg_trgm } });

async function dump(pglite: PGlite): Promise<string> {
  const roles = await dumpRoles(pglite);
  const file = await pgDump({ pg: pglite, args: ['--schema-only', '--no-comments'] });
  return [HEADER, roles, withoutNoise(await file.text())].join('\n');
}

/** Our roles and their grants. Roles belong to the server, so that pg_dump leaves roles out. */
async function dumpRoles(pglite: PGlite): Promise<string> {
  const { rows } = await pglite.query<{ statement: string }>(`
    select 'CREATE ROLE ' || rolname || concat_ws(' ', '',
        case when rolsuper then 'SUPERUSER' else 'NOSUPERUSER' end,
        case when rolcreatedb then 'CREATEDB' else 'NOCREATEDB' end,
        case when rolcreaterole then 'CREATEROLE' else 'NOCREATEROLE' end,
        case when rolinherit then 'INHERIT' else 'NOINHERIT' end,
        case when rolcanlogin then 'LOGIN' else 'NOLOGIN' end,
        case when rolreplication then 'REPLICATION' else 'NOREPLICATION' end,
        case when rolbypassrls then 'BYPASSRLS' else 'NOBYPASSRLS' end,
        'CONNECTION LIMIT ' || rolconnlimit,
        'VALID UNTIL ' || quote_literal(rolvaliduntil)) || ';' as statement
      from pg_roles where rolname like 'introzy%'
    union all
    select format('GRANT %s TO %s WITH ADMIN %s, INHERIT %s, SET %s;', roleid::regrole, member::regrole,
        upper(admin_option::text), upper(inherit_option::text), upper(set_option::text))
      from pg_auth_members where roleid::regrole::text like 'introzy%' or member::regrole::text like 'introzy%'
    order by statement`);
  return `${rows.map(({ statement }) => statement).join('\n')}\n`;
}

/**
 * The statements of a dump without the headings, the settings of the session that restores the dump, and the name of
 * the user that migrated. Only lines without indentation are removed: the bodies of functions are indented, and stay
 * whole.
 */
const withoutNoise = (text: string) =>
  text
    .replace(/^--\n(?:-- .*\n)+--\n/gm, '')
    .replace(/^-- Dumped (?:from|by) .*\n/gm, '')
    .replace(/^(?:SET \w+ = .*|SELECT pg_catalog\.set_config\('search_path', '', false\));\n/gm, '')
    .replace(/^ALTER .* OWNER TO postgres;\n/gm, '')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
    .concat('\n');
