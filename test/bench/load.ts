import { execFile, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';

const run = promisify(execFile);
const hasWrk = spawnSync('wrk', ['--version']).error === undefined;
const autocannon = createRequire(import.meta.url).resolve('autocannon/autocannon.js');
export const loadTool = hasWrk ? 'wrk' : 'autocannon';

const CONNECTIONS = 32;

/** Requests a second that a server answers, sent by another process. Throws where an answer is not a 2xx. */
export async function measure(url: string, seconds: number, headers: Record<string, string> = {}): Promise<number> {
  const flags = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  if (hasWrk) {
    const { stdout } = await run('wrk', [
      '-t1',
      `-c${CONNECTIONS}`,
      `-d${seconds}s`,
      '--timeout',
      '10s',
      ...flags,
      url,
    ]);
    if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`${url}: ${stdout}`);
    return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
  }
  const args = [
    autocannon,
    '--json',
    '--workers',
    '1',
    '-c',
    String(CONNECTIONS),
    '-d',
    String(seconds),
    ...flags,
    url,
  ];
  const { stdout } = await run(process.execPath, args, { maxBuffer: 1 << 26 });
  const result = JSON.parse(stdout) as { non2xx: number; errors: number; requests: { average: number } };
  if (result.non2xx + result.errors > 0) throw new Error(`${url}: ${result.non2xx} not 2xx, ${result.errors} errors`);
  return result.requests.average;
}

/**
 * Measures the candidates in turn, round by round, after a first round that does not count. Gives each candidate's
 * median rate, and the median of the candidate's ratio to the first candidate in the same round.
 */
export async function compare(
  candidates: Record<string, () => Promise<number>>,
  rounds: number,
): Promise<Record<string, { rate: number; ratio: number }>> {
  const names = Object.keys(candidates);
  const rates: Record<string, number[]> = Object.fromEntries(names.map((name) => [name, []]));
  for (const measureOne of Object.values(candidates)) await measureOne();
  for (let round = 0; round < rounds; round++) {
    for (const name of names) rates[name]?.push((await candidates[name]?.()) ?? Number.NaN);
  }
  const base = rates[names[0] as string] as number[];
  return Object.fromEntries(
    names.map((name) => {
      const own = rates[name] as number[];
      return [name, { rate: median(own), ratio: median(own.map((rate, round) => rate / (base[round] as number))) }];
    }),
  );
}

function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
