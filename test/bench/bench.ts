import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs, promisify } from 'node:util';
import { migrate } from '../../db/migrate.ts';
import { openDatabase } from '../../db/open.ts';
import { digestsOf, generateKeySecret, parseKeySecrets } from '../../server/auth/keySecret.ts';
import { encodeCursor } from '../../shared/paging.ts';
import { runAs } from '../helpers/database.ts';
import { freePort, startPostgres } from '../helpers/postgres.ts';
import { compare, loadTool, measure } from './load.ts';
import { seed } from './seed.ts';

const { values } = parseArgs({
  options: {
    contacts: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    only: { type: 'string' },
    /** A folder for a CPU profile of the service. Profiling slows the service. */
    profile: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const contacts = Number(values.contacts);
const here = import.meta.dirname;
const children: ChildProcess[] = [];
const run = promisify(execFile);

/** Starts a script with Node. Answers with the first group of `pattern` in the first line of output that matches. */
async function start(args: string[], pattern: RegExp, environment: NodeJS.ProcessEnv = {}): Promise<string> {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const found = pattern.exec(line)?.[1];
    if (found === undefined) continue;
    // Later output is read and dropped, as a log collector would do.
    child.stdout.resume();
    return found;
  }
  throw new Error(`${args[0]} ended before it was ready`);
}

const print = (
  title: string,
  results: Record<string, { rate: number; ratio: number }>,
  targets: Record<string, string> = {},
) => {
  console.log(`\n${title}`);
  for (const [name, { rate, ratio }] of Object.entries(results)) {
    console.log(
      `  ${name.padEnd(44)} ${rate.toFixed(0).padStart(7)}/s   ratio ${ratio.toFixed(2).padStart(6)}   ${targets[name] ?? ''}`,
    );
  }
};

const server = await startPostgres({
  shared_buffers: '1GB',
  fsync: 'off',
  full_page_writes: 'off',
  max_wal_size: '8GB',
});
try {
  const secrets = generateKeySecret();
  const keySecrets = parseKeySecrets(secrets);
  const db = await openDatabase({
    kind: 'postgres',
    timeouts: { statement: 600_000, lock: 600_000 },
    options: { url: server.ownerUrl, poolSize: 2, deadline: 600_000, prepare: true },
  });
  await runAs(server.adminUrl, [
    'grant create on database postgres to introzy_owner',
    'alter schema public owner to introzy_owner',
  ]);
  await migrate(db);
  const size = { contacts, keys: 10_000, organizations: 1_000 };
  console.log(`loading ${contacts} contacts and ${size.keys} keys; load comes from ${loadTool}`);
  const { organizationId, key } = await seed({ db, keySecrets, adminUrl: server.adminUrl, size });
  await db.close();

  const [digest] = digestsOf(key, keySecrets) as [Buffer];
  const barePort = await start(
    [join(here, 'bareServer.ts'), server.adminUrl, organizationId, digest.toString('hex')],
    /^(\d+)$/,
  );
  const port = await freePort();
  const profiling = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`];
  await start([...profiling, join(here, '../../server/main.ts')], /"msg":"(the service listens)"/, {
    DATABASE_URL: server.ownerUrl,
    INTROZY_KEY_SECRETS: secrets,
    INTROZY_RATE_LIMIT: '1000000000',
    PORT: String(port),
  });
  const bare = `http://127.0.0.1:${barePort}`;
  const api = `http://127.0.0.1:${port}`;
  const authorization = { Authorization: `Bearer ${key}` };
  const ask = (path: string) => () => measure(`${api}${path}`, seconds, authorization);
  const askBare = (path: string) => () => measure(`${bare}${path}`, seconds);
  const isWanted = (name: string) => values.only === undefined || name.includes(values.only);

  if (isWanted('list')) {
    const input = encodeURIComponent(JSON.stringify({ json: { limit: 50 } }));
    print(
      'A list of 50 contacts',
      await compare(
        {
          'bare node:http': askBare('/list'),
          'REST, all checks': ask('/api/contacts'),
          'tRPC, all checks': ask(`/trpc/contacts.list?input=${input}`),
        },
        rounds,
      ),
      { 'REST, all checks': '(at least 1.2)', 'tRPC, all checks': '(at least 0.45)' },
    );
  }
  if (isWanted('current')) {
    print(
      'One key',
      await compare(
        { 'bare select by digest': askBare('/key'), 'keys.current over REST': ask('/api/keys/current') },
        rounds,
      ),
      { 'keys.current over REST': '(at least 0.7)' },
    );
    await printPgbench(organizationId, digest);
  }
  if (isWanted('deep')) {
    const middle = await runAs(server.adminUrl, [
      `select id from contacts where organization_id = '${organizationId}' order by id desc offset ${contacts / 2} limit 1`,
    ]);
    const [row] = (middle[0]?.rows ?? []) as { id: string }[];
    const cursor = encodeCursor(row?.id ?? '');
    const results = await compare(
      {
        'page 1': ask('/api/contacts'),
        [`the page at depth ${contacts / 2}`]: ask(`/api/contacts?cursor=${cursor}`),
        'search, a frequent word': ask('/api/contacts?search=northwind'),
        'search, a rare word': ask('/api/contacts?search=zebulon'),
      },
      rounds,
    );
    print('Pages and searches (a cost of 1.1 is a ratio of 0.91, of 3 one of 0.33)', results);
  }
  if (isWanted('check')) {
    const folder = join(here, 'better-auth');
    if (!existsSync(join(folder, 'node_modules'))) spawnSync('npm', ['ci', '--prefix', folder], { stdio: 'inherit' });
    const rate = async (args: string[]) => Number((await run(process.execPath, args)).stdout.trim());
    const results = await compare(
      {
        'better-auth verifyApiKey': () => rate([join(folder, 'verify.mjs'), server.adminUrl, String(seconds), '10']),
        'the key check': () => rate([join(here, 'keyCheck.ts'), server.ownerUrl, String(seconds), '10', secrets, key]),
      },
      rounds,
    );
    print('The key check alone, in process', results, { 'the key check': '(at least 15)' });
  }

  async function printPgbench(organization: string, keyDigest: Buffer) {
    const directory = await mkdtemp(join(tmpdir(), 'introzy-bench-'));
    const script = join(directory, 'key.sql');
    await writeFile(
      script,
      `select organization_id, api_key_id, secret_id, created_at, expires_at from api_key_secrets where digest = decode('${keyDigest.toString('hex')}', 'hex') and organization_id = '${organization}';\n`,
    );
    const result = spawnSync(
      'pgbench',
      ['-n', '-M', 'prepared', '-c', '10', '-T', String(seconds), '-f', script, server.adminUrl],
      {
        encoding: 'utf8',
      },
    );
    await rm(directory, { recursive: true });
    const tps = /tps = ([\d.]+)/.exec(result.stdout ?? '')?.[1];
    console.log(
      `  ${"pgbench's prepared select of one row".padEnd(44)} ${tps ? `${Number(tps).toFixed(0).padStart(7)}/s` : 'is not installed'}`,
    );
  }
} finally {
  await Promise.all(
    children.map(async (child) => {
      if (child.exitCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    }),
  );
  await server.stop();
}
