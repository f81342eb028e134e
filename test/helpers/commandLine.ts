import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { inject } from 'vitest';
import { generateKeySecret } from '../../server/auth/keySecret.ts';
import { createApp } from '../../server/doors/app.ts';
import { readConfig } from '../../server/start/config.ts';
import { createDeps } from '../../server/start/deps.ts';
import { openStore } from '../../server/start/store.ts';
import { createDatabase, providedPostgres, type TestDatabase } from './database.ts';
import { makeDataDirectory } from './embedded.ts';
import { PROCESS } from './service.ts';

const ORIGIN = 'http://127.0.0.1:3000';
const CLI = resolve(import.meta.dirname, '../../server/cli.ts');

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** The command line on a database of its own: an empty one of PostgreSQL, or a migrated one in a DATA_DIR. */
export async function commandLine(kind: TestDatabase['kind'] = 'postgres') {
  const directory = await mkdtemp(join(tmpdir(), 'introzy-cli-'));
  const database = kind === 'postgres' ? await createDatabase(providedPostgres()) : undefined;
  const environment: NodeJS.ProcessEnv = database
    ? { DATABASE_URL: database.url, INTROZY_KEY_SECRETS: generateKeySecret() }
    : { DATA_DIR: join(directory, 'data') };
  if (environment.DATA_DIR) await makeDataDirectory(inject('embeddedTemplate'), environment.DATA_DIR);

  const run = async (args: string[], { nodeOptions = [], env = {}, input }: RunOptions = {}): Promise<Ended> => {
    const child = spawn(process.execPath, [...nodeOptions, CLI, ...args], {
      env: { ...PROCESS, ...environment, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.stdin.end(input);
    const ended = new Promise<number | null>((done) => child.on('close', done));
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { status: await ended, stdout, stderr };
  };

  const serve = async (request: Request) => {
    const store = await openStore(readConfig(environment), 'requests');
    try {
      const { db, keySecrets } = store;
      const deps = createDeps({ db, keySecrets, log: pino({ level: 'silent' }), rateLimit: 1_000, signInRate: 1_000 });
      const response = await createApp(deps).fetch(request);
      const body = JSON.parse(await response.text());
      await deps.lastUse.flush();
      return { status: response.status, body };
    } finally {
      await store.close();
    }
  };

  return {
    directory,
    environment,
    adminUrl: database?.adminUrl,
    run,
    /** Runs a command that must succeed, with --json; answers with what it printed. */
    async json(...args: string[]) {
      const { status, stdout, stderr } = await run([...args, '--json']);
      if (status !== 0 || stderr !== '') throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
      return JSON.parse(stdout);
    },
    async file(name: string, content: string | Buffer) {
      const path = join(directory, name);
      await writeFile(path, content);
      return path;
    },
    /** Calls the service on the same database: GET, or POST where there is a body. */
    async call(key: string, path: string, body?: object) {
      const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
      const sent = body && { method: 'POST', body: JSON.stringify(body) };
      return await serve(new Request(`${ORIGIN}${path}`, { headers, ...sent }));
    },
    /** The status of an attempt to sign in. */
    async signIn(email: string, password: string): Promise<number> {
      return (await this.post('/api/auth/sign-in/email', { email, password })).status;
    },
    /** Sends what a page of the dashboard would send, without a cookie. */
    async post(path: string, body: object) {
      const headers = { origin: ORIGIN, 'content-type': 'application/json' };
      return await serve(new Request(`${ORIGIN}${path}`, { method: 'POST', headers, body: JSON.stringify(body) }));
    },
    async [Symbol.asyncDispose]() {
      await database?.drop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

interface RunOptions {
  nodeOptions?: string[];
  env?: NodeJS.ProcessEnv;
  /** What it reads. */
  input?: string;
}

export type CommandLine = Awaited<ReturnType<typeof commandLine>>;
