import { sql } from 'kysely';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { migrate } from '../../db/migrate.ts';
import { type Background, type Contract, type Expand, first, migrations } from '../../db/migrationList.ts';
import { mintKey } from '../../server/auth/keySecret.ts';
import { createApp } from '../../server/doors/app.ts';
import { createDeps } from '../../server/start/deps.ts';
import { openOld } from '../helpers/oldDatabase.ts';
import { runAsRoot } from '../helpers/tables.ts';
import { testApp, testSecrets } from '../helpers/testApp.ts';

/** The migrations that come before serving, and then the migrations beside the service. */
const inOrderOfRun = Object.keys(migrations).sort((a, b) => rankOf(a) - rankOf(b) || a.localeCompare(b));
function rankOf(name: string) {
  return migrations[name]?.kind === 'expand' ? 0 : 1;
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

    expect(await migrate(db)).toEqual([...Object.keys(first).slice(1), ...inOrderOfRun]);
    const users = await run('select id, name, email from users');
    expect(users).toMatchObject([{ name: 'ada@example.com', email: 'ada@example.com' }]);
    expect(await run('select id from accounts')).toEqual([]);
    const log = pino({ level: 'silent' });
    const mails: string[] = [];
    const mail = { send: async ({ to }: { to: string }) => void mails.push(to) };
    const deps = createDeps({ db, log, keySecrets, rateLimit: 100, mail });
    const app = createApp(deps);
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
    await deps.background.idle();
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
