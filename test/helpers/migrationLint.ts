import { type Kysely, sql } from 'kysely';
import { type Connection, type ConnectionSource, createKysely, type Statement } from '../../db/driver/connection.ts';
import type { Migrations } from '../../db/migrationList.ts';
import type { Database } from '../../db/open.ts';
import { type Fact, type Snapshot, takeSnapshot } from './schemaSnapshot.ts';

type Migration = Migrations[string];

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
  const { accepts = [] } = migration.kind === 'contract' ? {} : migration;
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

/** What a statement took away, or changed, that instances of the version before may use. */
function findBreaks({ old, before, now }: States): string[] {
  const gone = [...before]
    .filter(([key]) => old.has(key) && !now.has(key))
    .map(([, { kind, name }]) => `drops or renames the ${kind} ${name}`);
  const changed = [...now].flatMap(([key, { kind, name, fact }]) => {
    const was = before.get(key)?.fact;
    if (!was || !old.has(key)) return [];
    if (kind === 'column') {
      return [
        ...(was.type === fact.type ? [] : [`changes the type of the column ${name}`]),
        ...(fact.required && !was.required ? [`makes the column ${name} not null`] : []),
        ...(was.default !== null && fact.default === null && !was.generated ? [`drops the default of ${name}`] : []),
      ];
    }
    return [
      ...(was.definition === fact.definition ? [] : [`changes the ${kind} ${name}`]),
      ...(was.security === fact.security ? [] : [`changes row-level security of the table ${name}`]),
      ...(was.owner === fact.owner ? [] : [`changes the owner of the ${kind} ${name}`]),
    ];
  });
  return [...gone, ...changed];
}

/** The parts that a statement added, and that the version before may violate or does not know. */
function findDemands({ old, before, now }: States): string[] {
  const isOldTable = (name: Fact[string] | undefined) => old.has(`table ${String(name)}`);
  return [...now].flatMap(([key, { kind, name, fact }]) => {
    if (before.has(key)) return [];
    if (kind === 'function' && [...old.values()].some((part) => part.fact.function === fact.function)) {
      return [`gives the function ${fact.function} other arguments: take a new name`];
    }
    if (!isOldTable(fact.table)) return [];
    if (kind === 'column' && fact.required && fact.default === null) {
      return [`adds the column ${name}, which an older insertion leaves out: not null, without a default`];
    }
    // An older statement leaves new columns out, so a constraint on new columns alone meets their defaults alone.
    const isNew = (column: string) => column !== '' && !old.has(`column ${fact.table}.${column}`);
    const isAboutOld = !String(fact.columns ?? '')
      .split(' ')
      .every(isNew);
    if (kind === 'constraint' && isAboutOld) return [`adds the constraint ${name}, which an older write may violate`];
    if (kind === 'index' && fact.unique) return [`adds the unique index ${name}, which an older write may violate`];
    if (kind === 'policy' && fact.restrictive) return [`adds the restrictive policy ${name}`];
    if (kind === 'trigger' || kind === 'rule') return [`adds the ${kind} ${name}, which older writes meet`];
    return [];
  });
}

/**
 * better-auth's tables. better-auth reads them by `select *` and `returning *`, and the service prepares these statements.
 * Once a column has come, gone or changed its type, PostgreSQL refuses the statements on the open connections of the
 * version before ("cached plan must not change result type"). A new fact about a person goes into a table of its own.
 */
const READ_WHOLE = ['users', 'sessions', 'accounts', 'verifications', 'organizations', 'members', 'invitations'];

/** The columns that a statement added, dropped or gave another type, in tables that the version before reads whole. */
function findOtherColumns({ old, before, now }: States): string[] {
  const isReadWhole = (table: unknown) =>
    READ_WHOLE.includes(String(table)) && old.has(`table ${table}`) && now.has(`table ${table}`);
  return [...new Map([...before, ...now])].flatMap(([key, { kind, name, fact }]) => {
    if (kind !== 'column' || !isReadWhole(fact.table)) return [];
    const [was, is] = [before.get(key)?.fact.type, now.get(key)?.fact.type];
    if (was === is) return [];
    const verb = was === undefined ? 'adds' : is === undefined ? 'drops' : 'changes';
    return [`${verb} the column ${name}, which better-auth of the version before reads by select *`];
  });
}

const compare = (states: States, kind: Migration['kind']) => [
  ...findLocks(states, kind),
  ...findOtherColumns(states),
  ...(kind === 'contract' ? [] : [...findBreaks(states), ...findDemands(states)]),
];
