import { type Kysely, sql } from 'kysely';
import { type Connection, type ConnectionSource, createKysely, type Statement } from '../../db/driver/connection.ts';
import type { Migrations } from '../../db/migrationList.ts';
import type { Database } from '../../db/open.ts';

type Migration = Migrations[string];
type Fact = Record<string, string | boolean | null>;
/** A schema: by kind and name of each part, the facts of the part. */
type Snapshot = Map<string, { kind: string; name: string; fact: Fact }>;

/**
 * Runs a migration on `db`, undoes the migration, and gives a sentence for each effect that the migration's kind does not
 * allow. The catalogue is compared after each statement: so every form of a statement is seen, also inside of functions
 * and `do` blocks. `released` names the migrations of the version before.
 */
export async function lintMigration(
  db: Database,
  migration: Migration,
  released: ReadonlySet<string> = new Set(),
): Promise<string[]> {
  const found: string[] = [];
  if (migration.kind === 'contract' && !released.has(migration.removes)) {
    found.push(`removes what ${migration.removes} left, but the version before does not contain ${migration.removes}`);
  }
  let before: Snapshot | undefined;
  let old: Snapshot = new Map();
  const afterwards = async (connection: Connection, statement: Statement) => {
    if (['begin', 'commit', 'rollback'].includes(statement.sql)) return;
    const now = await takeSnapshot(connection);
    if (before)
      found.push(...compare({ old, before, now }, migration.kind).map((text) => `${text}: ${brief(statement.sql)}`));
    else old = now;
    before = now;
  };
  const watched = createKysely<unknown>(watch(db.connections, afterwards));
  const trx = await watched.startTransaction().execute();
  try {
    await sql`select`.execute(trx);
    await run(migration, trx);
  } finally {
    await trx.rollback().execute();
  }
  const { accepts = [] } = migration.kind === 'expand' ? migration : {};
  const isAccepted = (text: string) => accepts.some(({ effect }) => text.startsWith(effect));
  const idle = accepts.filter(({ effect }) => !found.some((text) => text.startsWith(effect)));
  return [
    ...found.filter((text) => !isAccepted(text)),
    ...idle.map(({ effect }) => `accepts an effect that it does not have: ${effect}`),
  ];
}

/** Gives `source` with connections that call `afterwards` after each statement. */
function watch(
  source: ConnectionSource,
  afterwards: (connection: Connection, statement: Statement) => Promise<void>,
): ConnectionSource {
  const plain = new Map<Connection, Connection>();
  return {
    ...source,
    async acquire() {
      const connection = await source.acquire();
      const watched: Connection = {
        async send(statements) {
          const answers = await connection.send(statements);
          for (const statement of statements) await afterwards(connection, statement);
          return answers;
        },
      };
      plain.set(watched, connection);
      return watched;
    },
    release: (watched) => source.release(plain.get(watched) ?? watched),
  };
}

async function run(migration: Migration, trx: Kysely<unknown>) {
  if (migration.kind !== 'background') return await migration.up(trx);
  for (const { name, table, as } of migration.indexes ?? []) {
    await sql.raw(`create index ${name} on ${table} ${as}`).execute(trx);
  }
  for (let progress: unknown = null; migration.batch; ) {
    progress = await migration.batch(trx, progress);
    if (progress === null || progress === undefined) return;
  }
}

const brief = (statement: string) => statement.replace(/\s+/g, ' ').slice(0, 100);

/** The parts that exist when the migration begins, and the parts before and after a statement. */
interface States {
  old: Snapshot;
  before: Snapshot;
  now: Snapshot;
}

/** What a statement did that takes long under a lock; allowed in no transaction. Indexes are for background alone. */
function findLocks({ old, before, now }: States, kind: Migration['kind']): string[] {
  const isOldTable = (name: Fact[string] | undefined) => old.has(`table ${String(name)}`);
  return [...now].flatMap(([key, { kind: part, name, fact }]) => {
    const was = before.get(key);
    if (part === 'table' && old.has(key) && was) {
      if (was.fact.file !== fact.file) return [`rewrites the table ${name}`];
      if (kind === 'background') return [];
      if (was.fact.scans !== fact.scans) return [`reads or writes all of the table ${name}`];
    }
    if (part === 'index' && !was && isOldTable(fact.table) && kind !== 'background') {
      return [`builds the index ${name} on the table ${fact.table} under a lock`];
    }
    if (part === 'constraint' && isOldTable(fact.table) && fact.valid && !was?.fact.valid && kind !== 'background') {
      return [`checks all of the table ${fact.table} for the constraint ${name}, which must be "not valid" at first`];
    }
    return [];
  });
}

/** What a statement took away that instances of the version before may use. */
function findBreaks({ old, before, now }: States): string[] {
  const gone = [...before]
    .filter(([key]) => old.has(key) && !now.has(key))
    .map(([, { kind, name }]) => `drops or renames the ${kind} ${name}`);
  const changed = [...now].flatMap(([key, { kind, name, fact }]) => {
    const was = before.get(key)?.fact;
    if (kind === 'column' && !was && old.has(`table ${fact.table}`) && fact.required && fact.default === null) {
      return [`adds the column ${name}, which an older insertion leaves out: not null, without a default`];
    }
    if (kind === 'function' && !was && [...old.values()].some((part) => part.fact.function === fact.function)) {
      return [`gives the function ${fact.function} other arguments: take a new name`];
    }
    if (!was || !old.has(key)) return [];
    if (kind === 'column') {
      return [
        ...(was.type === fact.type ? [] : [`changes the type of the column ${name}`]),
        ...(fact.required && !was.required ? [`makes the column ${name} not null`] : []),
        ...(was.default !== null && fact.default === null && !was.generated ? [`drops the default of ${name}`] : []),
      ];
    }
    return ['policy', 'type'].includes(kind) && was.definition !== fact.definition
      ? [`changes the ${kind} ${name}`]
      : kind === 'table' && was.security !== fact.security
        ? [`changes row-level security of the table ${name}`]
        : [];
  });
  return [...gone, ...changed];
}

const compare = (states: States, kind: Migration['kind']) => [
  ...findLocks(states, kind),
  ...(kind === 'contract' ? [] : findBreaks(states)),
];

async function takeSnapshot(connection: Connection): Promise<Snapshot> {
  const [answer] = await connection.send([{ sql: SNAPSHOT, parameters: [] }]);
  const rows = answer?.rows as { kind: string; name: string; fact: Fact }[];
  return new Map(rows.map((row) => [`${row.kind} ${row.name}`, row]));
}

/** A row for each part of the schema. `scans` counts the reads of the whole table in this transaction. */
const OURS = `relnamespace = current_schema()::regnamespace`;
const SNAPSHOT = `
  select case relkind when 'r' then 'table' when 'S' then 'sequence' else 'view' end as kind, relname::text as name,
      jsonb_build_object('file', relfilenode::text, 'security', concat(relrowsecurity, relforcerowsecurity),
        'scans', concat(pg_stat_get_xact_numscans(oid), ' ', pg_stat_get_xact_tuples_updated(oid), ' ',
          pg_stat_get_xact_tuples_deleted(oid))) as fact
    from pg_class where ${OURS} and relkind in ('r', 'S', 'v', 'm')
  union all
  select 'column', relname || '.' || attname, jsonb_build_object('table', relname, 'type', format_type(atttypid, atttypmod),
      'required', attnotnull, 'generated', attgenerated <> '', 'default',
      case when attidentity <> '' then 'identity' else pg_get_expr(adbin, adrelid) end)
    from pg_class join pg_attribute on attrelid = pg_class.oid
    left join pg_attrdef on adrelid = attrelid and adnum = attnum
    where ${OURS} and relkind = 'r' and attnum > 0 and not attisdropped
  union all
  select 'index', c.relname, jsonb_build_object('table', t.relname)
    from pg_class c join pg_index on indexrelid = c.oid join pg_class t on indrelid = t.oid
    where c.${OURS} and not indisprimary
  union all
  select 'constraint', relname || '.' || conname, jsonb_build_object('table', relname, 'valid', convalidated)
    from pg_constraint join pg_class on conrelid = pg_class.oid where ${OURS} and contype <> 'n'
  union all
  select 'function', p.oid::regprocedure::text, jsonb_build_object('function', proname)
    from pg_proc p where pronamespace = current_schema()::regnamespace
      and not exists (select from pg_depend where objid = p.oid and deptype = 'e')
  union all
  select 'type', typname, jsonb_build_object('definition',
      (select string_agg(enumlabel, ',' order by enumlabel) from pg_enum where enumtypid = pg_type.oid))
    from pg_type where typnamespace = current_schema()::regnamespace and typtype in ('e', 'd', 'c') and typrelid = 0
  union all
  select 'policy', tablename || '.' || policyname, jsonb_build_object('definition', concat_ws(' ', permissive, roles, cmd, qual, with_check))
    from pg_policies where schemaname = current_schema()
  union all
  select 'trigger', relname || '.' || tgname, jsonb_build_object('table', relname)
    from pg_trigger join pg_class on tgrelid = pg_class.oid where ${OURS} and not tgisinternal and tgenabled = 'O'
  union all
  select 'grant', concat_ws(' ', case when grantee = 0 then 'public' else grantee::regrole::text end, privilege_type, name), '{}'
    from (
      select relname::text as name, relacl as acl from pg_class where ${OURS}
      union all select relname || '.' || attname, attacl from pg_class join pg_attribute on attrelid = pg_class.oid where ${OURS}
      union all select p.oid::regprocedure::text, coalesce(proacl, acldefault('f', proowner)) from pg_proc p
        where pronamespace = current_schema()::regnamespace
    ) granted, aclexplode(acl)
  union all
  select 'extension', extname, '{}' from pg_extension`;
