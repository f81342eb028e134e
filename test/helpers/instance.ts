import { pino } from 'pino';
import { openDatabase } from '../../db/open.ts';
import type { KeySecrets } from '../../server/auth/keySecret.ts';
import { createApp } from '../../server/doors/app.ts';
import { createDeps } from '../../server/start/deps.ts';
import { REQUEST_LIMITS } from '../../server/start/store.ts';
import { PATIENT_LIMITS } from './database.ts';
import { watchSecrets } from './secretsSeen.ts';
import type { TestApp } from './testApp.ts';
import { openSeparated } from './testDatabase.ts';

type App = ReturnType<typeof createApp>;

/** Calls REST on an instance, without a socket. */
export async function callApi(app: App, key: string, [method, path, body]: [string, string, unknown?]) {
  const response = await app.request(path, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: an answer of any route
  const json: any = await response.json();
  return { status: response.status, headers: response.headers, body: json };
}

interface InstanceOptions {
  url: string;
  keySecrets: KeySecrets;
  limits?: Readonly<Record<keyof typeof REQUEST_LIMITS, number>>;
}

/**
 * Starts an instance of the service on PostgreSQL with a pool of its own. The limits default to the service's own
 * limits.
 */
export async function startInstance({ url, keySecrets, limits = REQUEST_LIMITS }: InstanceOptions) {
  const { statement, lock, deadline } = limits;
  const options = { url, poolSize: 10, deadline, prepare: true };
  const db = await openDatabase({ kind: 'postgres', timeouts: { statement, lock }, options });
  return createInstance({ db, keySecrets, close: () => db.close() });
}

/**
 * Starts another instance on the database of `app`. On the embedded database the two instances share `db`.
 */
export async function startPeer(app: TestApp, keySecrets: KeySecrets = app.keySecrets) {
  if (app.logins) {
    const db = await openSeparated(app.logins, 10);
    return createInstance({ db, keySecrets, close: () => db.close() });
  }
  if (app.url !== undefined) return await startInstance({ url: app.url, keySecrets, limits: PATIENT_LIMITS });
  return createInstance({ db: app.db, keySecrets, close: async () => {} });
}

function createInstance({ db, keySecrets, close }: Pick<TestApp, 'db' | 'keySecrets'> & { close(): Promise<void> }) {
  const logs: string[] = [];
  const log = pino({}, { write: (line: string) => void logs.push(line) });
  const deps = createDeps({ db, log, keySecrets, rateLimit: 1_000_000, signInRate: 1_000_000 });
  const app = createApp(deps);
  watchSecrets(app);
  return {
    app,
    db,
    deps,
    logs,
    call: (key: string, ...request: [string, string, unknown?]) => callApi(app, key, request),
    async [Symbol.asyncDispose]() {
      await deps.lastUse.flush();
      await close();
    },
  };
}

/** Asks `holds` every 20 milliseconds until `holds` answers true. Throws after `seconds`. */
export async function until(holds: () => Promise<boolean> | boolean, what: string, seconds = 10) {
  const end = performance.now() + seconds * 1000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`Not within ${seconds} seconds: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
