import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../helpers/postgres.ts';

export const ROOT = resolve(import.meta.dirname, '../..');

export type Environment = Record<string, string>;

const { PATH = '', HOME = '' } = process.env;
/** The environment of each process: no setting of the caller reaches the service. */
export const BASE: Environment = { PATH, HOME };

/** Seconds within which a process must be ready. */
const PATIENCE = 120;

/** A server that answers at `url`. */
export interface Served {
  url: string;
  pid: number;
}

/** Starts a script that prints a line when ready. Gives the groups of `pattern` in that line. The stack ends the script. */
export async function startScript(stack: AsyncDisposableStack, args: string[], pattern: RegExp) {
  const child = spawn(process.execPath, args, { cwd: ROOT, env: BASE, stdio: ['ignore', 'pipe', 'inherit'] });
  stack.defer(() => end(child));
  for await (const line of createInterface({ input: child.stdout, signal: AbortSignal.timeout(PATIENCE * 1_000) })) {
    const found = pattern.exec(line);
    if (!found) continue;
    child.stdout.resume();
    return { pid: child.pid as number, found: found.slice(1) };
  }
  throw new Error(`${args[0]} ended before it was ready`);
}

/** Starts a script that prints its port first. */
export async function startPeer(stack: AsyncDisposableStack, script: string, args: string[]): Promise<Served> {
  const { pid, found } = await startScript(stack, [join(import.meta.dirname, script), ...args], /^(\d+)$/);
  return { pid, url: `http://127.0.0.1:${found[0]}` };
}

/**
 * Starts the service, and waits until the service is ready; `seconds` is how long that took. The log tells no time: its
 * lines are written up to a second late. The command is that of `npm start`. The stack ends the service.
 */
export async function startService(
  stack: AsyncDisposableStack,
  environment: Environment,
  flags: string[] = [],
): Promise<Served & { seconds: number }> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const unlimited = { INTROZY_RATE_LIMIT: '1000000000', INTROZY_ORGANIZATION_RATE_LIMIT: '1000000000' };
  const started = performance.now();
  const command = [...flags, '--import', './server/start/compileCache.js', 'server/main.ts'];
  const child = spawn(process.execPath, command, {
    cwd: ROOT,
    env: { ...BASE, ...unlimited, ...environment, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  stack.defer(() => end(child));
  // The log is read and dropped, as a log collector would do.
  child.stdout.resume();
  while (!(await isReady(url))) {
    if (child.exitCode !== null) throw new Error('The service ended before it was ready');
    if (performance.now() - started > PATIENCE * 1_000) throw new Error('The service does not become ready');
    await new Promise((wait) => setTimeout(wait, 5));
  }
  return { url, pid: child.pid as number, seconds: (performance.now() - started) / 1_000 };
}

const isReady = (url: string) =>
  fetch(`${url}/readyz`).then(
    (response) => response.ok,
    () => false,
  );

async function end(child: ChildProcess) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}
