import { Transform } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { setImmediate } from 'node:timers/promises';
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import { destination, pino } from 'pino';
import { markInexact } from '../../shared/exactJson.ts';
import { createApp } from '../doors/app.ts';
import { type Config, readAgentConfig, readConfig } from '../start/config.ts';
import { DirectoryInUse } from '../start/dataDirectory.ts';
import { createDeps } from '../start/deps.ts';
import { openLimiters } from '../start/rates.ts';
import { openStore } from '../start/store.ts';
import { checkRemote, createRemoteServer, type Remote } from './remoteMcp.ts';

/**
 * Serves MCP over standard input and output, with the key and the service that the environment names. Throws as
 * `checkRemote` does.
 */
export async function serveMcp(): Promise<void> {
  const { key, url } = readAgentConfig();
  await using service = await findService(url);
  const remote = { key, url: service.url, send: service.send };
  await checkRemote(remote);
  await serve(remote);
}

interface Service extends Omit<Remote, 'key'>, AsyncDisposable {}

const overNetwork = (url: string): Service => ({
  url,
  send: (request) => fetch(request),
  [Symbol.asyncDispose]: () => Promise.resolve(),
});

/**
 * Finds the service at `url`. Without `url`, opens the service in this process; where another process has the embedded
 * database already, that process is the service, at the address that the settings give.
 */
async function findService(url: string | undefined): Promise<Service> {
  if (url !== undefined) return overNetwork(url);
  const config = readConfig();
  try {
    return await openService(config);
  } catch (error) {
    if (error instanceof DirectoryInUse) return overNetwork(config.publicUrl);
    throw error;
  }
}

async function openService(config: Config): Promise<Service> {
  const store = await openStore(config, 'requests');
  // Standard output carries MCP alone: the log goes to standard error.
  const log = pino({ level: 'warn' }, destination({ dest: 2, sync: true }));
  const { close: closeLimiters, ...limiters } = await openLimiters(config, log);
  const deps = createDeps({ ...config, db: store.db, log, keySecrets: store.keySecrets, limiters });
  const app = createApp(deps);
  return {
    url: config.publicUrl,
    send: async (request) => await app.fetch(request),
    async [Symbol.asyncDispose]() {
      await deps.lastUse.flush();
      closeLimiters();
      await store.close();
    },
  };
}

/** Serves until a signal comes or the client closes standard input. Calls that are open by then are still answered. */
async function serve(remote: Remote): Promise<void> {
  const ended = Promise.withResolvers<void>();
  for (const event of ['end', 'close'] as const) process.stdin.once(event, ended.resolve);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, ended.resolve);

  const open = new Set<Promise<Response>>();
  const send = (request: Request) => {
    const answer = remote.send(request);
    open.add(answer);
    return answer.finally(() => open.delete(answer));
  };
  // The SDK drops open calls when its input ends. So the SDK reads a copy of standard input that never ends.
  const input = process.stdin.pipe(exactLines(), { end: false });
  const transport = new StdioServerTransport(input, process.stdout);
  const served = serveStdio(() => createRemoteServer({ ...remote, send }), { transport });
  await ended.promise;
  for (await setImmediate(); open.size > 0; await setImmediate()) await Promise.allSettled(open);
  await served.close();
  process.stdin.destroy();
}

/** Marks the numbers in lines of JSON that would be rounded. A line goes on as soon as its end is there. */
function exactLines(): Transform {
  const decoder = new StringDecoder();
  let rest = '';
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const [last = '', ...lines] = (rest + decoder.write(chunk)).split('\n').reverse();
      rest = last;
      done(
        null,
        lines
          .reverse()
          .map((line) => `${markInexact(line)}\n`)
          .join(''),
      );
    },
  });
}
