import { existsSync, readFileSync } from 'node:fs';
import { childrenOf } from '../helpers/processes.ts';

/** Linux alone tells the CPU time of another process in files. */
export const hasProc = existsSync('/proc/self/stat');

/** Microseconds of a clock tick, in which proc(5) counts: Linux shows every program 100 ticks a second. */
const TICK = 10_000;

/** Microseconds of CPU since the start of a process, over all threads. */
export const cpuOf = (pid: number): number => {
  const [own] = readTimes(pid);
  return own;
};

/**
 * Microseconds of CPU that PostgreSQL has used since its start. The postmaster's file also counts the children that have
 * ended: a backend that ends during a measurement is not lost.
 */
export const cpuOfPostgres = (postmaster: number): number => {
  const running = childrenOf(postmaster).reduce((sum, pid) => sum + cpuOf(pid), 0);
  const [own, ended] = readTimes(postmaster);
  return own + ended + running;
};

/** Microseconds of CPU of a process, and of the process's ended children. Zero for a process that has just ended. */
function readTimes(pid: number): [own: number, ended: number] {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return [0, 0];
  }
  // From the third field on: the second field, the program's name, may hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system, endedUser, endedSystem] = fields.slice(11, 15).map((ticks) => Number(ticks) * TICK);
  return [(user ?? 0) + (system ?? 0), (endedUser ?? 0) + (endedSystem ?? 0)];
}

/** Megabytes (1,000,000 bytes) of memory that a process holds. */
export function memoryOf(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(kibibytes) * 1_024) / 1_000_000;
}
