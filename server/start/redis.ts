import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { type IRateLimiterStoreOptions, RateLimiterRedis } from 'rate-limiter-flexible';

/** Milliseconds that a call waits for Redis, before the call is counted in memory. */
const PATIENCE = 200;
/** Milliseconds for a connection, and for the commands with which a connection begins. */
const CONNECT_WITHIN = 1_000;
/** The most milliseconds between two attempts to connect. */
const RETRY_WITHIN = 1_000;

/**
 * The command of RateLimiterRedis that counts. RateLimiterRedis defines the command on its client, under this name, and
 * turns to memory where the command fails, without a word. test/process/redis.test.ts holds the library to the name.
 */
interface Counting {
  rlflxIncr(args: string[]): Promise<unknown>;
}

type StoreOptions = Omit<IRateLimiterStoreOptions, 'storeClient'>;

/**
 * Connects to Redis or Valkey, and keeps trying while the server is away. Waits for the first connection for a second at
 * most: a service also starts without Redis. The log gets a line when Redis goes away, and a line when Redis is back.
 */
export async function connectRedis(url: string, log: Logger) {
  const client = new Redis({
    ...readUrl(url),
    connectTimeout: CONNECT_WITHIN,
    commandTimeout: CONNECT_WITHIN,
    // A server that stands still does not close its end of a connection.
    disconnectTimeout: 100,
    retryStrategy: (attempt) => Math.min(attempt * 100, RETRY_WITHIN),
    // A command waits for nothing, and is never sent again: calls go on in memory.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  });
  const outage = watchOutage(log);
  // An error of Redis may hold the command that failed, and so the password: the log gets the message alone.
  client.on('error', outage.noteFailure);
  client.on('close', () => outage.noteFailure(new Error('The connection has ended')));
  client.on('ready', () => client.ping().then(outage.noteAnswer, outage.noteFailure));
  const begun = new Promise<void>((resolve) => {
    client.once('ready', resolve);
    client.once('close', resolve);
  });
  await Promise.race([begun, wait(CONNECT_WITHIN, undefined, { ref: false })]);

  return {
    /** Makes a limiter that counts in Redis, and in its `insuranceLimiter` while Redis is away. */
    count(options: StoreOptions): RateLimiterRedis {
      const limiter = new RateLimiterRedis({ ...options, storeClient: client, rejectIfRedisNotReady: true });
      const counting = client as Redis & Counting;
      const send = counting.rlflxIncr.bind(client);
      counting.rlflxIncr = async (args) => {
        try {
          const counted = await inTime(send(args));
          outage.noteAnswer();
          return counted;
        } catch (error) {
          outage.noteFailure(error as Error);
          // A connection without an answer would delay every call: calls go on in memory until a new connection is ready.
          if (error instanceof NoAnswer && client.status === 'ready' && client.stream.writable) client.disconnect(true);
          throw error;
        }
      };
      return limiter;
    },
    close() {
      outage.end();
      client.disconnect();
    },
  };
}

class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/** Fails with `NoAnswer` after `PATIENCE`. An answer that has come while this process was busy still counts. */
async function inTime<T>(answer: Promise<T>): Promise<T> {
  const { promise: end, reject } = Promise.withResolvers<never>();
  const giveUp = () => reject(new NoAnswer(`No answer within ${PATIENCE} ms`));
  const timer = setTimeout(() => setImmediate(giveUp), PATIENCE);
  return await Promise.race([answer, end]).finally(() => clearTimeout(timer));
}

/** Writes the beginning and the end of each outage to the log, once each. */
function watchOutage(log: Logger) {
  let isAway = false;
  let hasEnded = false;
  return {
    noteFailure({ message, code }: Error & { code?: string }) {
      if (isAway || hasEnded) return;
      isAway = true;
      // Where a name has several addresses, the error of all of them has a code alone.
      log.warn({ reason: message || code }, 'Redis is away: this instance counts calls alone, in memory');
    },
    noteAnswer() {
      if (!isAway || hasEnded) return;
      isAway = false;
      log.info('Redis is back: the instances count calls together');
    },
    /** The service closes the connection itself: no line any more. */
    end() {
      hasEnded = true;
    },
  };
}

/** The parts of an address that `readConfig` has checked. */
function readUrl(address: string) {
  const { protocol, hostname, port, username, password, pathname } = new URL(address);
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(port || 6379),
    db: Number(pathname.slice(1)),
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' && { tls: {} }),
  };
}
