import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { sql } from 'kysely';
import { afterAll, expect, test } from 'vitest';
import { expand } from '../../db/expand.ts';
import { finishMigrations } from '../../db/migrate.ts';
import { migrations } from '../../db/migrationList.ts';
import { openDatabase } from '../../db/open.ts';
import { toFolded } from '../../db/searchText.ts';
import { searchable } from '../../db/wordBreaks.ts';
import { parseKeySecrets } from '../../server/auth/keySecret.ts';
import { completeLogins, rolesSql } from '../../server/cli/rolesSql.ts';
import { setUpOrganization } from '../../server/start/setup.ts';
import { comparable } from '../../shared/fold.ts';
import { PATIENT_LIMITS, runAs } from '../helpers/database.ts';
import { until } from '../helpers/instance.ts';
import { unpackPrevious } from '../helpers/previous.ts';
import { makePlace, PROCESS, startService } from '../helpers/service.ts';

type Service = Awaited<ReturnType<typeof startService>>;
type Place = Awaited<ReturnType<typeof makePlace>>;
const previous = await unpackPrevious();
afterAll(() => previous[Symbol.asyncDispose]());
const PATIENCE = { timeout: 180_000 };
const ENVIRONMENT = { INTROZY_RATE_LIMIT: '1000000' };

/** Starts an instance of the version before. `env -C` runs a program in another directory. */
const startPrevious = (place: Place) =>
  startService({ ...place.environment, ...ENVIRONMENT }, ['env', '-C', previous.directory]);
/** Makes an organization with the command line of the version before, and gives the organization's first key. */
async function setUpPrevious({ environment }: Place): Promise<string> {
  const args = ['server/cli.ts', 'setup', '--organization', 'One', '--email', 'one@example.com', '--json'];
  const options = { cwd: previous.directory, env: { ...PROCESS, ...environment } };
  const { stdout } = await promisify(execFile)(process.execPath, args, options);
  return JSON.parse(stdout).key;
}
const startPresent = (place: Place, logins = {}) => startService({ ...place.environment, ...ENVIRONMENT, ...logins });

/**
 * Makes separate logins that no other test uses: logins are the server's. The owner is the login of the version before.
 */
async function makeLogins({ environment, adminUrl }: Place) {
  const owner = environment.DATABASE_URL as string;
  const suffix = randomUUID().slice(0, 8);
  const at = (username: string) => Object.assign(new URL(owner), { username, password: '' }).href;
  const logins = completeLogins({
    DATABASE_URL: at(`service_${suffix}`),
    DATABASE_ACCOUNTS_URL: at(`accounts_${suffix}`),
    DATABASE_MIGRATION_URL: owner,
  });
  await runAs(adminUrl, [rolesSql(logins)]);
  return logins;
}

async function openPlace({ environment }: Place) {
  const { deadline, ...timeouts } = PATIENT_LIMITS;
  const url = environment.DATABASE_URL as string;
  return await openDatabase({ kind: 'postgres', timeouts, options: { url, poolSize: 3, deadline, prepare: true } });
}

const ask = async (place: Place, statement: string) => (await runAs(place.adminUrl, [statement]))[0]?.rows ?? [];
const background = Object.keys(migrations).filter((name) => migrations[name]?.kind === 'background');
const isFinished = async (place: Place) => {
  const rows = await ask(place, 'select name from introzy_migrations where finished_at is not null');
  return background.every((name) => rows.some((row) => row.name === name));
};

interface Load {
  key: string;
  /** The instance that answers the next call. */
  next(): Service;
  signal: AbortSignal;
  /** Called after each answer. */
  onAnswer(service: Service): void;
}

/** A client with contacts and keys of its own. Every answer must be what the client has written. */
async function work({ key, next, signal, onAnswer }: Load) {
  const token = randomUUID().slice(0, 8);
  const written = new Map<string, { name: string; email: string; title: string | null }>();
  const call = async (expected: number, ...[method, path, body]: [string, string, unknown?]) => {
    const service = next();
    const { status, body: answer } = await service.call(key, method, path, body);
    expect([status, method, path, status === expected ? '' : JSON.stringify(answer)]).toEqual([
      expected,
      method,
      path,
      '',
    ]);
    onAnswer(service);
    return answer.data;
  };
  for (let n = 0; !signal.aborted; n++) {
    const contact = { name: `Ünal-${token} ${n}`, email: `${token}.${n}@Example.com`, title: null };
    const made = await call(201, 'POST', '/api/contacts', contact);
    written.set(made.id, contact);
    const changed = { ...contact, name: `Çelik/${token} ${n}`, title: `Title ${n}` };
    expect(
      await call(200, 'PATCH', `/api/contacts/${made.id}`, { name: changed.name, title: changed.title }),
    ).toMatchObject(changed);
    written.set(made.id, changed);
    const rows = [1, 2, 3].map((row) => ({
      name: `Öz-${token} ${n} ${row}`,
      email: `${token}.${n}.${row}@example.com`,
      title: null,
    }));
    for (const title of [null, `Batch ${n}`]) {
      const batch = await call(200, 'POST', '/api/contacts/batch', {
        contacts: rows.map((row) => ({ ...row, title })),
      });
      batch.results.forEach((result: { id: string; outcome: string }, index: number) => {
        expect(result.outcome).toBe(title === null ? 'created' : 'updated');
        written.set(result.id, { ...(rows[index] as (typeof rows)[number]), title });
      });
    }
    expect(await call(200, 'GET', `/api/contacts/${made.id}`)).toMatchObject(changed);
    const found = await call(200, 'GET', `/api/contacts?search=${encodeURIComponent(`çelik ${token} ${n}`)}`);
    expect(found.map(({ id }: { id: string }) => id)).toContain(made.id);
    if (n > 0) expect(await call(200, 'GET', '/api/contacts?limit=5')).toHaveLength(5);
    const issued = await call(201, 'POST', '/api/keys', { name: token });
    const rotated = await call(200, 'POST', `/api/keys/${issued.apiKey.id}/rotate`, { graceHours: 0 });
    const current = async (secret: string) => (await next().call(secret, 'GET', '/api/keys/current')).status;
    expect([await current(issued.key), await current(rotated.key)]).toEqual([401, 200]);
    await call(200, 'DELETE', `/api/keys/${issued.apiKey.id}`);
    expect(await current(rotated.key)).toBe(401);
  }
  return written;
}

test.for([{ logins: 'a single login' }, { logins: 'separate logins' }] as const)(
  'Instances of the version before serve on while a new instance with $logins migrates, and beside the new instance afterwards',
  PATIENCE,
  async ({ logins }) => {
    await using place = await makePlace('postgres');
    await using one = await startPrevious(place);
    await using two = await startPrevious(place);
    expect(one.migrated).toEqual(['0001_initial', '0002_accounts', '0003_audit_log']);
    const db = await openPlace(place);
    try {
      const key = await setUpPrevious(place);
      const serving: Service[] = [one, two];
      let turn = 0;
      const next = () => serving[turn++ % serving.length] as Service;
      const stop = new AbortController();
      const answers = new Map<Service, number>();
      const onAnswer = (service: Service) => void answers.set(service, (answers.get(service) ?? 0) + 1);
      const countOf = (services: Iterable<Service>) =>
        [...services].map((service) => answers.get(service) ?? 0).reduce((sum, count) => sum + count, 0);
      const forms = async () =>
        await ask(place, 'select form, count(*)::int as count from contacts group by form order by form');
      const load = { key, next, signal: stop.signal, onAnswer };
      const working = Promise.all([work(load), work(load), work(load)]);
      // The load ends with its first wrong answer. Then the test ends too.
      const failed = new Promise<never>((_, reject) => working.catch(reject));
      const meanwhile = async () => {
        await until(() => countOf(serving) > 50, 'answers of the version before', 60);
        await using present = await startPresent(place, logins === 'separate logins' ? await makeLogins(place) : {});
        expect(present.migrated.length).toBeGreaterThan(0);
        serving.push(present);
        await until(() => isFinished(place), 'the end of the work beside the service');
        const said = '"msg":"migrations beside the service are done"';
        await until(() => present.output().includes(said), 'the line of the log');
        // An instance of the version before that starts anew, as after a crash or when a rollout is taken back.
        await using again = await startPrevious(place);
        expect(again.migrated).toEqual([]);
        serving.push(again);
        const haveAllWritten = async () =>
          (await forms()).length === 2 && countOf([again]) > 20 && countOf(serving) > 300;
        await until(haveAllWritten, 'contacts and answers of both versions', 60);
        stop.abort();
        return await working;
      };
      const clients = await Promise.race([meanwhile(), failed]);

      const marked = await forms();
      // Both versions have written since the migration.
      expect(marked.map(({ form }) => form)).toEqual([0, 2]);
      const { remade } = await finishMigrations(db);
      expect(remade).toBe(marked[0]?.count);
      const contacts = new Map((await ask(place, 'select * from contacts')).map((row) => [row.id, row]));
      expect(contacts.size).toBe(clients.reduce((sum, written) => sum + written.size, 0));
      for (const [id, expected] of clients.flatMap((written) => [...written])) {
        const { form, document, search, folded, ...row } = contacts.get(id);
        expect({ form, ...row }).toMatchObject({ form: 2, ...expected });
        const { name, email, title, version } = JSON.parse(document);
        expect({ name, email, title, version }).toEqual({ ...expected, version: row.version });
        expect(search).toBe(searchable(` ${comparable(expected.name)} ${comparable(expected.email)} `));
        expect(folded).toBe(toFolded(expected));
      }
    } finally {
      await db.close();
    }
  },
);

const ROWS = 12_000;
/** Makes each contact that is made anew take a millisecond: 500 contacts are a batch. */
const SLOW_BATCHES = [
  `create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.001); return new; end $$`,
  'create trigger slow before update on contacts for each row execute function slow()',
];

test(
  'Work beside the service that is killed is resumed, a half-built index is built anew, and of two starts both finish',
  PATIENCE,
  async () => {
    await using place = await makePlace('postgres');
    const [db, blocker] = [await openPlace(place), await openPlace(place)];
    const kill = async ({ child, exit }: Service) => {
      child.kill('SIGKILL');
      await exit;
    };
    const count = async (condition: string) =>
      (await ask(place, `select count(*)::int as count from contacts where ${condition}`))[0]?.count as number;
    try {
      await expand(db);
      const keySecrets = parseKeySecrets(place.environment.INTROZY_KEY_SECRETS as string);
      const made = await setUpOrganization(db, keySecrets, { name: 'One', email: 'one@example.com' });
      await ask(
        place,
        `insert into contacts (organization_id, id, name, name_key)
          select '${made?.organization.id}', gen_random_uuid(), 'Ada ' || n, 'in an older form' from generate_series(1, ${ROWS}) n`,
      );
      // Slow batches leave contacts to the signal, however fast the machine is.
      for (const statement of SLOW_BATCHES) await ask(place, statement);

      // A transaction that may write contacts keeps the first index from its end.
      const writing = await blocker.root.startTransaction().execute();
      await sql`lock table contacts in row exclusive mode`.execute(writing);
      const first = await startPresent(place);
      const isHalfBuilt = `select from pg_index where indexrelid = to_regclass('contacts_living') and not indisvalid`;
      await until(async () => (await ask(place, isHalfBuilt)).length > 0, 'the beginning of the index');
      await kill(first);

      // The server goes on without the client, and two starts wait for the server. Then the server gives up too.
      const both = await Promise.all([startPresent(place), startPresent(place)]);
      const building = `from pg_stat_activity where query ilike 'create index concurrently%' and datname = current_database()`;
      expect(await ask(place, `select pg_terminate_backend(pid) as ended ${building}`)).toEqual([{ ended: true }]);
      expect(await ask(place, isHalfBuilt)).toHaveLength(1);
      await writing.rollback().execute();
      await until(() => isFinished(place), 'the end of the migrations');

      await until(async () => (await count('form = 2')) > 0, 'the first contacts made anew');
      // A signal ends the work of one start after a batch, and the other start is killed.
      const [drained, lost] = both as [Service, Service];
      drained.child.kill('SIGTERM');
      await kill(lost);
      expect((await drained.exit).code).toBe(0);
      expect(await count('form = 0')).toBeGreaterThan(0);
      await ask(place, 'drop function slow cascade');
      await using last = await startPresent(place);
      await until(async () => (await count('form = 0')) === 0, 'all contacts made anew');
      expect(await count(`name_key = lower(name) and search = ' ' || lower(name) || '  ' and version = 1`)).toBe(ROWS);
      expect(await ask(place, 'select indexrelid::regclass from pg_index where not indisvalid')).toEqual([]);
      expect(
        (await last.call(made?.issued.key as string, 'GET', '/api/contacts?search=ada%2077')).body.data,
      ).not.toEqual([]);
    } finally {
      await Promise.all([db.close(), blocker.close()]);
    }
  },
);
