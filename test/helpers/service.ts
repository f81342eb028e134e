import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, inject } from 'vitest';
import { generateKeySecret } from '../../server/auth/keySecret.ts';
import { createDatabase, providedPostgres, type TestDatabase } from './database.ts';
import { makeDataDirectory } from './embedded.ts';

const root = resolve(import.meta.dirname, '../..');
/** Milliseconds for a start: a process takes one or two seconds, and a busy machine takes longer. */
const PATIENCE = 45_000;

type Environment = Record<string, string>;

const { PATH = '', HOME = '' } = process.env;
/** The environment of each process. The cache of compiled modules halves the time of a start. */
export const PROCESS: Environment = { PATH, HOME, NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/compiled') };

/**
 * Runs `node server/main.ts`, or `runner` with this command as its arguments. Gives the output and the end of the
 * process.
 */
function runService(environment: Environment, runner: string[] = []) {
  const [program, ...args] = [...runner, process.execPath, 'server/main.ts'];
  const child = spawn(program, args, { cwd: root, env: { ...PROCESS, ...environment } });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const exit = new Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>((end) => {
    child.on('close', (code, signal) => end({ code, signal, stdout, stderr }));
  });
  return {
    pid: child.pid as number,
    child,
    exit,
    output: () => stdout,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

/** Starts a service, and waits until the service listens. Throws where the service ends before, or takes too long. */
export async function startService(environment: Environment, runner: string[] = []) {
  const service = runService({ PORT: '0', ...environment }, runner);
  const end = performance.now() + PATIENCE;
  let listening: { address: string; migrated: string[] } | undefined;
  let hasEnded = false;
  service.exit.then(() => (hasEnded = true));
  while (!listening) {
    if (hasEnded || performance.now() > end) {
      await service[Symbol.asyncDispose]();
      throw new Error(`The service does not start: ${JSON.stringify(await service.exit)}`);
    }
    await new Promise((wait) => setTimeout(wait, 20));
    const line = service.output().match(/^\{.*"msg":"the service listens".*\}$/m)?.[0];
    if (line) listening = JSON.parse(line);
  }
  const { address, migrated } = listening;
  return {
    ...service,
    address,
    migrated,
    async call(key: string, method: string, path: string, body?: unknown) {
      const response = await fetch(`${address}${path}`, {
        method,
        headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      // biome-ignore lint/suspicious/noExplicitAny: an answer of any route
      return { status: response.status, body: (await response.json()) as any };
    },
  };
}

/** Starts a service that must refuse to start, and gives the refusal. */
export async function refusal(environment: Environment) {
  await using service = runService({ PORT: '0', ...environment });
  // A service that starts by mistake would never end.
  const tooLate = setTimeout(() => service.child.kill('SIGKILL'), 30_000);
  const { code, stdout, stderr } = await service.exit;
  clearTimeout(tooLate);
  expect(code).toBe(1);
  expect(stdout).toBe('');
  // The refusal is a sentence without a stack.
  expect(stderr).toMatch(/^introzy cannot start\. [A-Z/].*/);
  expect(stderr).not.toMatch(/\n\s+at /);
  return stderr;
}

/**
 * Makes a place for a service's data, removed at the end of the scope: an empty database of PostgreSQL, or a DATA_DIR
 * with a migrated database. `isUnmade` leaves the DATA_DIR to the service's first start, which takes three seconds more.
 */
export async function makePlace(kind: TestDatabase['kind'], { isUnmade = false } = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'introzy-service-'));
  const dataDirectory = join(directory, 'data');
  const remove = () => rm(directory, { recursive: true, force: true });
  if (kind === 'embedded') {
    if (!isUnmade) await makeDataDirectory(inject('embeddedTemplate'), dataDirectory);
    const environment: Environment = { DATA_DIR: dataDirectory };
    return { environment, dataDirectory, adminUrl: '', [Symbol.asyncDispose]: remove };
  }
  const { url, adminUrl, drop } = await createDatabase(providedPostgres());
  const environment: Environment = { DATABASE_URL: url, INTROZY_KEY_SECRETS: generateKeySecret() };
  return {
    environment,
    dataDirectory,
    adminUrl,
    async [Symbol.asyncDispose]() {
      await drop();
      await remove();
    },
  };
}

/** Opens a raw connection, which sends text unchanged and collects the received text until the other side ends. */
export function openSocket(address: string) {
  const { hostname, port } = new URL(address);
  const socket = connect(Number(port), hostname);
  let received = '';
  socket.on('data', (chunk) => (received += chunk));
  // A reset ends the connection too. The text before the reset counts.
  socket.on('error', () => {});
  const closed = new Promise<string>((end) => socket.on('close', () => end(received)));
  return { socket, received: () => received, closed, send: (sent: string | Uint8Array) => socket.write(sent) };
}

/** The status, the headers and the JSON of the first answer in the text of a raw connection. */
export function parseAnswer(received: string) {
  const [head = '', body = ''] = received.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = new Headers(lines.map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string]));
  return { status: Number(statusLine.split(' ')[1]), headers, body: body.match(/\{.*\}/s)?.[0] ?? '' };
}
