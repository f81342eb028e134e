import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { childrenOf } from '../helpers/processes.ts';
import { callPatiently, startCluster } from './cluster.ts';
import { findPrograms, until } from './programs.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'introzy-ends-'));
  // The mode of /tmp: the servers run as another user than the tests.
  await chmod(directory, 0o1777);
  vi.stubEnv('TMPDIR', directory);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true, force: true });
});

/**
 * The files of all clusters in `directory`, the processes that work on these files, and the child processes of the
 * tests.
 */
const whatIsThere = async () => ({
  files: await readdir(directory),
  processes: readdirSync('/proc').filter((pid) => workingDirectoryOf(pid).startsWith(directory)),
  children: childrenOf(process.pid),
});
const NOTHING = { files: [], processes: [], children: [] };

function workingDirectoryOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

test('After the primary is killed the standby serves all that was answered; a test that then fails leaves nothing', async () => {
  const failing = async () => {
    await using cluster = await startCluster();
    const { key } = await cluster.setup();
    const [first, second, third] = cluster.instances;
    const kept = (await callPatiently(first, key, 'POST', '/api/contacts', { name: 'Kept' })).body.data;
    const revoked = (await callPatiently(first, key, 'POST', '/api/keys', { name: 'revoked' })).body.data;
    expect((await callPatiently(second, revoked.key, 'GET', '/api/contacts')).status).toBe(200);
    expect((await callPatiently(first, key, 'DELETE', `/api/keys/${revoked.apiKey.id}`)).status).toBe(200);

    await cluster.failOver();
    for (const { address } of cluster.instances) {
      await until('the service is back', async () => (await fetch(`${address}/readyz`)).status === 200);
    }
    for (const instance of cluster.instances) {
      expect((await callPatiently(instance, key, 'GET', `/api/contacts/${kept.id}`)).body.data).toEqual(kept);
      expect((await callPatiently(instance, revoked.key, 'GET', '/api/contacts')).status).toBe(401);
    }
    expect((await callPatiently(third, key, 'POST', '/api/contacts', { name: 'New' })).status).toBe(201);

    const there = await whatIsThere();
    expect(there.files).toHaveLength(1);
    // The six children: the remover of the files, the standby, PgBouncer and three instances.
    expect(there.children).toHaveLength(6);
    expect(there.processes.length).toBeGreaterThan(6);
    throw new Error('This test fails');
  };
  await expect(failing()).rejects.toThrow('This test fails');
  expect(await whatIsThere()).toEqual(NOTHING);
});

test('A cluster that does not come to its start leaves nothing either', async () => {
  await expect(startCluster({ INTROZY_RATE_LIMIT: 'many' })).rejects.toThrow('INTROZY_RATE_LIMIT is not valid');
  expect(await whatIsThere()).toEqual(NOTHING);
});

test('A run that is killed leaves no server and no file', async () => {
  const script = `
    const { makeDirectory, startDaemon } = await import('./test/cluster/programs.ts');
    const { path: directory } = await makeDirectory();
    await startDaemon(['sleep', '1000'], { directory, endBy: 'SIGKILL', isReady: async () => {} });
    process.stdout.write('started');
    process.kill(process.pid, 'SIGKILL');`;
  const run = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: resolve(import.meta.dirname, '../..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(run, 'exit');
  expect(await text(run.stdout)).toBe('started');
  expect(await ended).toEqual([null, 'SIGKILL']);
  await until('nothing is there', async () => {
    const { files, processes } = await whatIsThere();
    return files.length + processes.length === 0;
  });
});

test("Where a program is missing, a sentence says which of Debian's packages to install", () => {
  const found = findPrograms();
  const absent = { postgresql: directory, pgbouncer: join(directory, 'pgbouncer') };
  const sentence = /^There is no .*Install Debian's packages postgresql-15 \(or a newer one\) and pgbouncer/;
  expect(() => findPrograms({ ...found, postgresql: absent.postgresql })).toThrow(sentence);
  expect(() => findPrograms({ postgresql: '/usr/lib/postgresql', pgbouncer: absent.pgbouncer })).toThrow(sentence);
});
