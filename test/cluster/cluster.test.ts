import { beforeAll, expect, test } from 'vitest';
import { migrations } from '../../db/migrationList.ts';
import { runAs } from '../helpers/database.ts';
import { type Cluster, callPatiently, startCluster } from './cluster.ts';
import { until } from './programs.ts';

let cluster: Cluster;
let key: string;
beforeAll(async () => {
  cluster = await startCluster();
  ({ key } = await cluster.setup());
});

const readiness = ({ instances }: Cluster) =>
  Promise.all(instances.map(async ({ address }) => (await fetch(`${address}/readyz`)).status));

/** The rows of a statement's answer. */
const ask = async (url: string, statement: string) => (await runAs(url, [statement]))[0]?.rows;

test('Three instances that start together are ready, and PgBouncer has all of their connections', async () => {
  expect(await readiness(cluster)).toEqual([200, 200, 200]);
  expect(new Set(cluster.instances.map(({ address }) => address)).size).toBe(3);
  // Three instances start together on a new database. Each migration runs on exactly one of them.
  const migrated = cluster.instances.flatMap((instance) => instance.migrated);
  expect(new Set(migrated).size).toBe(migrated.length);
  expect(migrated.length).toBeGreaterThan(0);

  // The work beside the service goes through PgBouncer too.
  const finished = await ask(
    cluster.primary.adminUrl,
    'select name from introzy_migrations where finished_at is not null',
  );
  expect(finished?.map(({ name }) => name).sort()).toEqual(Object.keys(migrations));
  expect(await ask(cluster.primary.adminUrl, 'select from pg_index where not indisvalid')).toEqual([]);

  const pools = await ask(cluster.pgbouncer.adminUrl, 'show pools');
  expect(pools?.filter(({ database }) => database === 'introzy').map((pool) => pool.pool_mode)).toEqual([
    'transaction',
  ]);
  const clients = await ask(cluster.pgbouncer.adminUrl, 'show clients');
  expect(clients?.filter(({ database }) => database === 'introzy').length).toBeGreaterThanOrEqual(3);
});

test('A contact that one instance creates, the others read at once', async () => {
  for (const writer of cluster.instances) {
    const created = await callPatiently(writer, key, 'POST', '/api/contacts', { name: `From ${writer.address}` });
    expect(created.status).toBe(201);
    for (const reader of cluster.instances) {
      const read = await callPatiently(reader, key, 'GET', `/api/contacts/${created.body.data.id}`);
      expect(read).toEqual({ status: 200, body: created.body });
    }
  }
});

test('Of 300 calls at once through PgBouncer, which share connections, each gets its own answer', async () => {
  const [instance] = cluster.instances;
  const create = (n: number) => callPatiently(instance, key, 'POST', '/api/contacts', { name: `Contact ${n}` });
  const made = await Promise.all(Array.from({ length: 20 }, (_, n) => create(n)));
  const issued = (await callPatiently(instance, key, 'POST', '/api/keys', { name: 'short-lived' })).body.data;
  expect((await callPatiently(instance, issued.key, 'GET', '/api/keys/current')).status).toBe(200);
  await callPatiently(instance, key, 'DELETE', `/api/keys/${issued.apiKey.id}`);
  const read = async (n: number) => {
    const { id, name } = (made[n % made.length] as (typeof made)[number]).body.data;
    const isRevoked = n % 5 === 0;
    const { status, body } = await callPatiently(instance, isRevoked ? issued.key : key, 'GET', `/api/contacts/${id}`);
    expect([status, body.data?.name]).toEqual(isRevoked ? [401, undefined] : [200, name]);
  };
  await Promise.all(Array.from({ length: 300 }, (_, n) => read(n)));
});

test('A key that is revoked on one instance is refused by the next request on each of the others', async () => {
  for (const revoker of cluster.instances) {
    const issued = (await callPatiently(revoker, key, 'POST', '/api/keys', { name: 'short-lived' })).body.data;
    for (const reader of cluster.instances) {
      expect((await callPatiently(reader, issued.key, 'GET', '/api/contacts')).status).toBe(200);
    }
    expect((await callPatiently(revoker, key, 'DELETE', `/api/keys/${issued.apiKey.id}`)).status).toBe(200);
    for (const reader of cluster.instances) {
      const { status, body } = await callPatiently(reader, issued.key, 'GET', '/api/contacts');
      expect([status, body.details]).toEqual([401, { reason: 'API key has been revoked' }]);
    }
  }
});

test('The standby follows synchronously, has what is written, and takes no writes', async () => {
  const [first] = cluster.instances;
  const { id } = (await callPatiently(first, key, 'POST', '/api/contacts', { name: 'On both' })).body.data;
  expect(
    await ask(cluster.primary.adminUrl, 'select application_name, state, sync_state from pg_stat_replication'),
  ).toEqual([{ application_name: 'standby', state: 'streaming', sync_state: 'sync' }]);

  // An answered commit is in the standby's log. Queries on the standby see the commit a moment later.
  const select = `select name from contacts where id = '${id}'`;
  await until('the row is on the standby', async () => (await ask(cluster.standby.adminUrl, select))?.length === 1);
  expect(await ask(cluster.standby.adminUrl, select)).toEqual([{ name: 'On both' }]);
  await expect(ask(cluster.standby.adminUrl, 'delete from contacts')).rejects.toThrow('read-only transaction');
});
