import { execFile, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const hasWrk = spawnSync('wrk', ['--version']).error === undefined;
const autocannon = createRequire(import.meta.url).resolve('autocannon/autocannon.js');
export const loadTool = hasWrk ? 'wrk' : 'autocannon';

const CONNECTIONS = 32;

export interface Load {
  url: string;
  seconds: number;
  /** 32 unless given. */
  connections?: number;
  headers?: Record<string, string>;
  /** Sent as JSON with POST. Without a body the request is a GET. */
  body?: unknown;
  /** The name of a header that has another value in each request. wrk alone can send such a header. */
  varied?: string;
  /** The status that every answer must have: any 2xx unless given. */
  status?: number;
}

interface Answered {
  /** All answers. */
  requests: number;
  perSecond: number;
}

/** Sends the same request over and over from another process. Throws where an answer has another status than wanted. */
export async function sendLoad(load: Load): Promise<Answered> {
  const headers = { ...load.headers, ...(load.body !== undefined && { 'Content-Type': 'application/json' }) };
  const flags = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  return hasWrk ? await sendByWrk(load, flags) : await sendByAutocannon(load, flags);
}

async function sendByWrk(
  { url, seconds, connections = CONNECTIONS, body, varied, status }: Load,
  flags: string[],
): Promise<Answered> {
  const directory = await mkdtemp(join(tmpdir(), 'introzy-bench-'));
  try {
    const script = join(directory, 'post.lua');
    const lines = [`wrk.method = "POST"\nwrk.body = [==[${JSON.stringify(body)}]==]`];
    if (varied !== undefined) lines.push(varying(varied));
    await writeFile(script, `${lines.join('\n')}\n`);
    const own = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s'];
    const { stdout } = await run('wrk', [...own, ...flags, ...(body === undefined ? [] : ['-s', script]), url]);
    const found = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1] ?? 0);
    const requests = found(/(\d+) requests in/);
    // wrk counts the answers that are no 2xx or 3xx, and does not tell their statuses.
    const isWanted = found(/Non-2xx or 3xx responses: (\d+)/) === (status === undefined ? 0 : requests);
    if (!isWanted || stdout.includes('Socket errors')) throw new Error(`${url}: ${stdout}`);
    return { requests, perSecond: found(/Requests\/sec:\s+([\d.]+)/) };
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Lua that sends a header with another value in each request of all runs. */
const varying = (header: string) => `local sent = 0
function request()
  sent = sent + 1
  wrk.headers["${header}"] = "${randomUUID()} " .. sent
  return wrk.format()
end`;

interface AutocannonResult {
  errors: number;
  requests: { total: number; average: number };
  statusCodeStats: Record<string, { count: number }>;
}

async function sendByAutocannon(
  { url, seconds, connections = CONNECTIONS, body, status }: Load,
  flags: string[],
): Promise<Answered> {
  const own = [autocannon, '--json', '--workers', '1', '-c', String(connections), '-d', String(seconds)];
  const post = body === undefined ? [] : ['-m', 'POST', '-b', JSON.stringify(body)];
  const { stdout } = await run(process.execPath, [...own, ...post, ...flags, url], { maxBuffer: 1 << 26 });
  const { errors, requests, statusCodeStats } = JSON.parse(stdout) as AutocannonResult;
  const isWanted = (got: string) => (status === undefined ? got.startsWith('2') : got === String(status));
  if (errors > 0 || !Object.keys(statusCodeStats).every(isWanted)) {
    throw new Error(`${url}: ${errors} errors, statuses ${JSON.stringify(statusCodeStats)}`);
  }
  return { requests: requests.total, perSecond: requests.average };
}
