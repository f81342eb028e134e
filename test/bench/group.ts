import { cpuOf, cpuOfPostgres, hasProc } from './cpu.ts';
import type { Figure } from './figures.ts';
import { type Load, sendLoad } from './load.ts';
import type { Options } from './options.ts';
import type { Candidates, Sample } from './rounds.ts';
import type { Testbed } from './testbed.ts';

/** Candidates that are measured in turn, and the figures that follow. */
export interface Group {
  /** For `--only`. */
  name: string;
  title: string;
  /** Starts what the group needs besides the testbed. The stack ends what was started. */
  open(bench: Bench, stack: AsyncDisposableStack): Promise<{ candidates: Candidates; figures: Figure[] }>;
}

export interface Bench {
  options: Options;
  /** Made at first need: a group on the embedded database needs no PostgreSQL. */
  testbed(): Promise<Testbed>;
}

/** Sends load to a server, and gives the rate and the CPU of a call. Without a postmaster there is no PostgreSQL. */
export async function measureCalls(load: Load, pid: number, postmaster?: number): Promise<Sample> {
  const read = () => ({ node: cpuOf(pid), postgres: postmaster === undefined ? 0 : cpuOfPostgres(postmaster) });
  if (!hasProc) return { perSecond: (await sendLoad(load)).perSecond };
  const before = read();
  const { requests, perSecond } = await sendLoad(load);
  const after = read();
  const node = (after.node - before.node) / requests;
  if (postmaster === undefined) return { perSecond, node };
  return { perSecond, node, postgres: (after.postgres - before.postgres) / requests };
}
