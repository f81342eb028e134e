import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { migrate } from '../../db/migrate.ts';
import { type Expand, migrations } from '../../db/migrationList.ts';
import { REQUEST_LIMITS } from '../../server/start/store.ts';
import { until } from '../helpers/instance.ts';
import { openOld } from '../helpers/oldDatabase.ts';
import { runAsRoot } from '../helpers/tables.ts';

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
    expect((await migrating).sort()).toEqual(Object.keys(migrations).sort());
  } finally {
    if (!using.isRolledBack) await using.rollback().execute();
    await close();
  }
});

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
