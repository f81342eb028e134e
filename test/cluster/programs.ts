import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { childrenOf, isAlive, signal } from '../helpers/processes.ts';

const execute = promisify(execFile);

/** Milliseconds for a step, such as the start of a server. A quiet machine takes about a second. */
const PATIENCE = 30_000;
/** Milliseconds from the signal that ends a program until the program is killed. */
const END_WITHIN = 10_000;

/** Debian's paths: PostgreSQL's folder, with a folder for each version below, and the program PgBouncer. */
const DEBIAN = { postgresql: '/usr/lib/postgresql', pgbouncer: '/usr/sbin/pgbouncer' };

/** The oldest major version of PostgreSQL that the service runs on. */
const OLDEST = 15;

/**
 * Finds the folder of PostgreSQL's newest server programs, and PgBouncer. Throws a sentence that says which packages to
 * install.
 */
export function findPrograms({ postgresql, pgbouncer } = DEBIAN) {
  const versions = existsSync(postgresql) ? readdirSync(postgresql).map(Number) : [];
  const folders = versions
    .filter((version) => version >= OLDEST)
    .sort((a, b) => b - a)
    .map((version) => join(postgresql, String(version), 'bin'));
  const programs = ['initdb', 'postgres', 'pg_basebackup'];
  const folder = folders.find((bin) => programs.every((program) => existsSync(join(bin, program))));
  const missing = !folder ? `PostgreSQL server of version ${OLDEST} or newer below ${postgresql}` : pgbouncer;
  if (!folder || !existsSync(pgbouncer)) {
    throw new Error(
      `There is no ${missing}. Install Debian's packages postgresql-15 (or a newer one) and pgbouncer: apt-get install postgresql pgbouncer`,
    );
  }
  return { postgresql: folder, pgbouncer };
}

/** PostgreSQL and PgBouncer refuse to run as root. Debian's packages make the user postgres. */
const AS_POSTGRES = process.getuid?.() === 0 ? ['--reuid=postgres', '--regid=postgres', '--init-groups'] : [];
const { PATH = '' } = process.env;

/** Runs a program to its end, not as root, and gives its standard output. Throws where the program fails. */
export async function runProgram(command: string[], env: Record<string, string> = {}): Promise<string> {
  const options = { cwd: '/', env: { PATH, ...env }, timeout: PATIENCE };
  return (await execute('setpriv', [...AS_POSTGRES, ...command], options)).stdout;
}

/**
 * The beginning of a command line. The kernel ends the program by this signal as soon as the process that started the
 * program has ended for any reason.
 */
export const endWithTests = (signal: 'SIGQUIT' | 'SIGKILL'): [string, string] => [
  'setpriv',
  `--pdeathsig=${signal.slice(3)}`,
];

/**
 * Makes a directory of the user that the servers run as, closed to all other users. A separate process removes the
 * directory: at the end of the scope, and also where the process of the tests is killed. In that case the servers may
 * still be ending.
 */
export async function makeDirectory() {
  const path = (await runProgram(['mktemp', '--directory', join(tmpdir(), 'introzy-cluster-XXXXXX')])).trim();
  const script = 'cat; for attempt in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$0" && break; sleep 1; done';
  // Detached: an interrupt at the terminal does not reach the remover.
  const remover = spawn('sh', ['-c', script, path], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  const ended = once(remover, 'exit');
  return {
    path,
    async [Symbol.asyncDispose]() {
      remover.stdin.end();
      await ended;
    },
  };
}

interface DaemonOptions {
  /** The program's working directory. */
  directory: string;
  /** The signal that ends the program and its children at once. */
  endBy: 'SIGQUIT' | 'SIGKILL';
  /** True once the program serves. An error counts as false. */
  isReady(): Promise<unknown>;
}

/**
 * Starts a program that serves until the end of the scope, not as root. The end of the tests' process ends the program
 * too.
 */
export async function startDaemon(command: [string, ...string[]], { directory, endBy, isReady }: DaemonOptions) {
  const [setpriv, deathSignal] = endWithTests(endBy);
  const child = spawn(setpriv, [deathSignal, ...AS_POSTGRES, ...command], {
    cwd: directory,
    env: { PATH },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk) => (said = `${said}${chunk}`.slice(-10_000)));
  let hasEnded = false;
  const ended = new Promise<void>((end) => child.once('exit', end)).then(() => void (hasEnded = true));
  const pid = child.pid as number;

  const daemon = {
    /** The program's own process id: `setpriv` replaces itself with the program. */
    pid,
    /** Kills the program and all of its children, as a failing machine does. The program cannot save anything. */
    async kill() {
      // The stop keeps the program from starting further children meanwhile.
      child.kill('SIGSTOP');
      const family = hasEnded ? [] : [pid, ...childrenOf(pid)];
      for (const member of family) signal(member, 'SIGKILL');
      await until('the end of the processes that were killed', () => !family.some(isAlive));
      await ended;
    },
    async [Symbol.asyncDispose]() {
      if (hasEnded) return;
      const tooLate = setTimeout(daemon.kill, END_WITHIN);
      child.kill(endBy);
      // A program that a test has stopped receives the signal once the program continues.
      child.kill('SIGCONT');
      await ended;
      clearTimeout(tooLate);
    },
  };
  try {
    await until(`${command[0]} serves`, async () => {
      if (hasEnded) throw new Error(`${command[0]} ended`);
      return await isReady().then(
        () => true,
        () => false,
      );
    });
  } catch (error) {
    await daemon[Symbol.asyncDispose]();
    throw new Error(`${(error as Error).message}. It wrote:\n${said}`);
  }
  return daemon;
}

/** Asks `holds` until the answer is true. Throws where the answer comes too late. */
export async function until(what: string, holds: () => Promise<boolean> | boolean) {
  const end = performance.now() + PATIENCE;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`Not within ${PATIENCE / 1_000} seconds: ${what}`);
    await new Promise((wait) => setTimeout(wait, 20));
  }
}
