import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { until } from './instance.ts';
import { freePort } from './postgres.ts';
import { REDIS_SERVER } from './redisPath.ts';

/** Starts a Redis of the test's own on 127.0.0.1, which keeps nothing on disk. */
export async function startRedis({ password }: { password: string }) {
  const port = await freePort();
  const directory = await mkdtemp(join(tmpdir(), 'introzy-redis-'));
  // An operator's connection, beside those of the service.
  const operator = new Redis({ port, host: '127.0.0.1', password, lazyConnect: true, retryStrategy: () => 50 });
  operator.on('error', () => {});

  const run = async () => {
    const settings = { port, bind: '127.0.0.1', dir: directory, save: '', appendonly: 'no', requirepass: password };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const child = spawn(REDIS_SERVER, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    await until(() => output.includes('Ready to accept connections'), 'Redis starts');
    return child;
  };
  let child = await run();

  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return {
    port,
    operator,
    kill,
    restart: async () => void (child = await run()),
    /** Redis stands still, with its connections open. */
    stop: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      operator.disconnect();
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
