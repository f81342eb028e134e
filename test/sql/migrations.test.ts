import { sql } from 'kysely';
import { pino } from 'pino';
import { expect, inject, test } from 'vitest';
import { migrate } from '../../db/migrate.ts';
import { type Background, type Contract, type Expand, first, migrations } from '../../db/migrationList.ts';
import { type Database, openDatabase } from '../../db/open.ts';
import { mintKey } from '../../server/auth/keySecret.ts';
import { createApp } from '../../server/doors/app.ts';
import { createDeps } from '../../server/start/deps.ts';
import { REQUEST_LIMITS } from '../../server/start/store.ts';
import { createDatabase, PATIENT_LIMITS } from '../helpers/database.ts';
import { until } from '../helpers/instance.ts';
import { runAsRoot } from '../helpers/tables.ts';
import { testApp, testSecrets } from '../helpers/testApp.ts';

/** Opens a database at the schema of the migration `to`: unless given, before accounts existed. */
async function openOld(to = '0001_initial', poolSize = 4): Promise<{ db: Database; close(): Promise<void> }> {
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

test('Organizations from before there were accounts get their owners, who set a password by its reset; keys go on working', async () => {
  const { db, close } = await openOld();
  try {
    const keySecrets = testSecrets();
    const run = (statement: string) => runAsRoot(db.root, statement);
    const ids = ['01890000-0000-7000-8000-000000000001', '01890000-0000-7000-8000-000000000002'];
    const owners = [' Ada@Example.com ', 'ada@example.com'];
    const keys = ids.map((organizationId, index) => {
      const { key, digest, hint, secretId } = mintKey(keySecrets);
      return { key, organizationId, id: ids[index] as string, owner: owners[index] as string, digest, hint, secretId };
    });
    for (const { organizationId, id, owner, digest, hint, secretId } of keys) {
      await run(`insert into organizations (id, name, owner_email) values ('${organizationId}', '${id}', '${owner}')`);
      const enter = `select introzy_enter('${organizationId}', 1000, 1000)`;
      await db.root.transaction().execute(async (trx) => {
        await runAsRoot(trx, enter);
        const byPerson = `'person', '${owner}', '${owner}'`;
        const byKey = `'key', '${id}', 'a key'`;
        for (const [keyId, issuer] of [
          [id, byPerson],
          [id.replace('8000', '9000'), byKey],
        ]) {
          await runAsRoot(
            trx,
            `insert into api_keys (organization_id, id, name, hint, scopes, created_by_type, created_by_id, created_by_name, expires_at)
              values ('${organizationId}', '${keyId}', 'a key', '${hint}', '{contacts:read}', ${issuer}, now() + interval '30 days')`,
          );
        }
        await runAsRoot(
          trx,
          `insert into api_key_secrets (organization_id, api_key_id, digest, secret_id, expires_at)
            values ('${organizationId}', '${id}', '\\x${digest.toString('hex')}', '${secretId}', now() + interval '30 days')`,
        );
      });
    }

    expect(await migrate(db)).toEqual([...Object.keys(first).slice(1), ...Object.keys(migrations)]);
    const users = await run('select id, name, email from users');
    expect(users).toMatchObject([{ name: 'ada@example.com', email: 'ada@example.com' }]);
    expect(await run('select id from accounts')).toEqual([]);
    const log = pino({ level: 'silent' });
    const mails: string[] = [];
    const mail = { send: async ({ to }: { to: string }) => void mails.push(to) };
    const app = createApp(createDeps({ db, log, keySecrets, rateLimit: 100, mail }));
    for (const { key, organizationId, owner } of keys) {
      const answer = await app.request('/api/contacts', { headers: { authorization: `Bearer ${key}` } });
      expect(answer.status).toBe(200);
      await db.root.transaction().execute(async (trx) => {
        await runAsRoot(trx, `select introzy_enter('${organizationId}', 1000, 1000)`);
        expect(await runAsRoot(trx, 'select role, user_id from members')).toEqual([
          { role: 'owner', user_id: users[0]?.id },
        ]);
        const issuers = await runAsRoot(
          trx,
          'select created_by_type as type, created_by_id as id, created_by_name as name from api_keys order by id',
        );
        expect(issuers).toEqual(
          expect.arrayContaining([
            { type: 'person', id: users[0]?.id, name: owner },
            { type: 'key', id: organizationId, name: 'a key' },
          ]),
        );
        // The log starts with the migration, and has no entries of earlier actions.
        expect(await runAsRoot(trx, `select action from audit_log where action <> 'apiKey.usedFrom'`)).toEqual([]);
      });
    }
    const asked = await app.request('http://127.0.0.1:3000/api/auth/request-password-reset', {
      method: 'POST',
      headers: { origin: 'http://127.0.0.1:3000', 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'ADA@example.com' }),
    });
    expect([asked.status, mails]).toEqual([200, ['ada@example.com']]);
  } finally {
    await close();
  }
});

test('The names of migrations of a newer version are left alone', async () => {
  await using app = await testApp({ isAlone: true });
  const { db } = app;
  await runAsRoot(
    db.root,
    `insert into introzy_migrations (name, progress, finished_at)
      values ('9998_newer', null, now()), ('9999_not_finished', '{"after":1}', null)`,
  );
  expect(await migrate(db)).toEqual([]);
  // Also where an older migration is left to do.
  await runAsRoot(db.root, `delete from introzy_migrations where name = '0006_indexes'`);
  expect(await migrate(db)).toEqual(['0006_indexes']);
  expect(
    await runAsRoot(db.root, `select name, progress from introzy_migrations where name > '9' order by name`),
  ).toEqual([
    { name: '9998_newer', progress: null },
    { name: '9999_not_finished', progress: { after: 1 } },
  ]);
});

test('Batches commit one by one: a second call resumes them, and of two calls at once each batch is done once', async () => {
  await using app = await testApp({ isAlone: true });
  const { db } = app;
  const stop = new AbortController();
  const done: number[] = [];
  const batch: Background['batch'] = async (trx, progress) => {
    const { after } = (progress ?? { after: 0 }) as { after: number };
    await sql`insert into made values (${after})`.execute(trx);
    done.push(after);
    if (done.length === 3) stop.abort();
    // A batch that fails leaves no trace.
    if (done.length === 5) throw new Error('The fifth batch fails');
    return after === 9 ? null : { after: after + 1 };
  };
  const made: Expand = {
    kind: 'expand',
    up: async (trx) => void (await sql`create table made (n int unique)`.execute(trx)),
  };
  const dropped: Contract = {
    kind: 'contract',
    removes: '9001_made',
    up: async (trx) => void (await sql`alter table made rename n to number`.execute(trx)),
  };
  const list = {
    ...migrations,
    '9001_made': made,
    '9002_filled': { kind: 'background', batch },
    '9003_dropped': dropped,
  } as const;
  expect(await migrate(db, { list, signal: stop.signal })).toEqual(['9001_made']);
  expect(await runAsRoot(db.root, 'select n from made order by n')).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }]);
  await expect(migrate(db, { list })).rejects.toThrow('The fifth batch fails');
  const both = await Promise.all([migrate(db, { list }), migrate(db, { list })]);
  expect([...new Set(both.flat())].sort()).toEqual(['9002_filled', '9003_dropped']);
  expect(done).toEqual([0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9]);
  expect(await runAsRoot(db.root, 'select count(*)::int as count, max(number) as last from made')).toEqual([
    { count: 10, last: 9 },
  ]);
});

// The embedded database has a single connection, so that nobody else uses a table.
if (inject('database').kind === 'postgres') {
  test('A migration waits for a table in short attempts, between which others use the table', async () => {
    const { db, close } = await openOld('0003_audit_log');
    const using = await db.root.startTransaction().execute();
    try {
      await runAsRoot(using, 'lock table contacts in access share mode');
      const migrating = migrate(db);
      const ended: string[] = [];
      void migrating.then(() => ended.push('migration'));
      // Without attempts, the first statement would wait behind the migration, and the migration behind the transaction.
      for (let n = 0; n < 10; n++) {
        await db.root.transaction().execute(async (trx) => {
          // As a request, which gives up after this time.
          await runAsRoot(trx, `set local lock_timeout = ${REQUEST_LIMITS.lock}`);
          await runAsRoot(trx, 'select count(*) from contacts');
        });
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
      expect(ended).toEqual([]);
      await using.rollback().execute();
      expect(await migrating).toEqual(Object.keys(migrations));
    } finally {
      if (!using.isRolledBack) await using.rollback().execute();
      await close();
    }
  });
}

if (inject('database').kind === 'postgres') {
  test('A migration of several tables waits for all of them as long as for a single table', async () => {
    const tables = ['t1', 't2', 't3', 't4', 't5', 't6', 't7'];
    const { db, close } = await openOld(undefined, tables.length + 4);
    const alter = (table: string) => sql.raw(`alter table ${table} add n int`);
    const several: Expand = {
      kind: 'expand',
      async up(trx) {
        for (const table of tables) await alter(table).execute(trx);
      },
    };
    const list = { ...migrations, '9001_several': several };
    try {
      await migrate(db);
      for (const table of tables) await runAsRoot(db.root, `create table ${table} ()`);
      const users = await Promise.all(tables.map(() => db.root.startTransaction().execute()));
      for (const [index, trx] of users.entries())
        await runAsRoot(trx, `lock table ${tables[index]} in access share mode`);
      const isWaitedFor = async (table: string) => {
        const waiting = `select from pg_locks where relation = '${table}'::regclass and not granted`;
        return (await runAsRoot(db.root, waiting)).length > 0;
      };
      let isMigrated = false;
      const migrating = migrate(db, { list }).finally(() => (isMigrated = true));
      // Each user of a table ends a while after the migration has come to the table: within the wait for a single table,
      // and past the limit of a request where the waits for several tables add up.
      const ending = (async () => {
        for (const [index, trx] of users.entries()) {
          await until(() => isWaitedFor(tables[index] as string), `the migration waits for ${tables[index]}`);
          await new Promise((resolve) => setTimeout(resolve, REQUEST_LIMITS.lock / 4));
          await trx.commit().execute();
        }
      })();
      // Requests for the first table, which the migration has while the migration waits for the other tables.
      const asking = (async () => {
        while (!isMigrated) {
          await db.root.transaction().execute(async (trx) => {
            await runAsRoot(trx, `set local lock_timeout = ${REQUEST_LIMITS.lock}`);
            await runAsRoot(trx, 'select from t1');
          });
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      })();
      const outcomes = await Promise.allSettled([migrating, ending, asking]);
      expect(outcomes).toMatchObject([{ value: ['9001_several'] }, { status: 'fulfilled' }, { status: 'fulfilled' }]);
    } finally {
      await close();
    }
  });
}

test('A migrated database puts temporary tables last, gives nobody new ones, and ends idle transactions', async () => {
  const { db, close } = await openOld('0003_audit_log');
  try {
    const run = (statement: string) => runAsRoot(db.root, statement);
    const [name] = await run('select quote_ident(current_database()) as name');
    await run(`grant temporary on database ${name?.name} to public`);
    await migrate(db);
    const [rights] = await run(
      `select count(*)::int as public from pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))
        where datname = current_database() and grantee = 0 and privilege_type = 'TEMPORARY'`,
    );
    expect(rights).toEqual({ public: 0 });
    const [settings] = await run(
      `select setconfig from pg_db_role_setting where setrole = current_user::regrole
        and setdatabase = (select oid from pg_database where datname = current_database())`,
    );
    expect(settings?.setconfig).toEqual(['search_path=public, pg_temp', 'idle_in_transaction_session_timeout=15min']);
  } finally {
    await close();
  }
});
