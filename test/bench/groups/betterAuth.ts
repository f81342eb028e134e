import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ratio } from '../figures.ts';
import type { Group } from '../group.ts';
import { ROOT, startScript } from '../processes.ts';
import { authorize } from '../testbed.ts';
import { compareCalls } from './calls.ts';

const run = promisify(execFile);
const FOLDER = join(ROOT, 'test/bench/better-auth');
/** Checks at the same time: a connection to PostgreSQL for each. */
const CONCURRENCY = '10';

/** Installs the packages of `test/bench/better-auth`, which the service does not depend on. */
function install() {
  if (existsSync(join(FOLDER, 'node_modules/hono'))) return;
  spawnSync('npm', ['ci', '--prefix', FOLDER], { stdio: 'inherit' });
}

export const handBuilt = compareCalls({
  name: 'hand-built',
  title: 'A list of 50 contacts, beside Hono, better-auth and Kysely',
  async peer({ adminUrl, large }, stack) {
    install();
    const args = [join(FOLDER, 'server.mjs'), adminUrl, large.organizationId];
    const { pid, found } = await startScript(stack, args, /^(\d+) (\S+)$/);
    const [port, key = ''] = found;
    return { name: 'hand-built list', pid, url: `http://127.0.0.1:${port}/api/contacts`, headers: authorize(key) };
  },
  calls: () => [{ name: 'REST list', path: '/api/contacts', target: 8 }],
});

export const keyCheck: Group = {
  name: 'check',
  title: 'The key check alone, in process',
  async open({ options: { seconds }, testbed }) {
    install();
    const { adminUrl, own, large } = await testbed();
    const measure = async (...args: string[]) => ({ perSecond: Number((await run(process.execPath, args)).stdout) });
    const limits = [String(seconds), CONCURRENCY];
    const ours = [
      join(ROOT, 'test/bench/keyCheck.ts'),
      own.DATABASE_URL,
      ...limits,
      own.INTROZY_KEY_SECRETS,
      large.key,
    ];
    const candidates = {
      verifyApiKey: () => measure(join(FOLDER, 'verify.mjs'), adminUrl, ...limits),
      'key check': () => measure(...ours),
    };
    const figures = [ratio("key check: to better-auth's verifyApiKey", ['key check', 'verifyApiKey'], 20)];
    return { candidates, figures };
  },
};
