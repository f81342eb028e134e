import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Milliseconds for one step, such as the start of a server: about a second on a quiet machine. */
const PATIENCE = 30_000;
/** Milliseconds from the signal that ends a program until the program is killed. */
const END_WITHIN = 10_000;

/** Where Debian puts PostgreSQL, below it a folder a version, and PgBouncer. */
const DEBIAN = { postgresql: '/usr/lib/postgresql', pgbouncer: '/usr/sbin/pgbouncer' };

/** The oldest major version of PostgreSQL that the service runs on. */
const OLDEST = 15;

/** The folder of PostgreSQL's newest server programs, and PgBouncer. Throws a sentence that says what to install. */
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

/** PostgreSQL and PgBouncer refuse to run as root; Debian's packages make the user postgres. */
const AS_POSTGRES = process.getuid?.() === 0 ? ['--reuid=postgres', '--regid=postgres', '--init-groups'] : [];
const { PATH = '' } = process.env;

/** Runs a program to its end, not as root. Throws where it fails. Answers with its standard output. */
export async function runProgram(command: string[], env: Record<string, string> = {}): Promise<string> {
  const options = { cwd: '/', env: { PATH, ...env }, timeout: PATIENCE };
  return (await execute('setpriv', [...AS_POSTGRES, ...command], options)).stdout;
}

/** Begins a command that the kernel ends, by this signal, when the process that started it has ended, however it did. */
export const endWithTests = (signal: 'SIGQUIT' | 'SIGKILL'): [string, string] => [
  'setpriv',
  `--pdeathsig=${signal.slice(3)}`,
];

/**
 * A directory of the user that the servers run as, open to no other. A process of its own removes it: at the end of the
 * scope, and also when the process of the tests is killed, in which case the servers may still be ending.
 */
export async function makeDirectory() {
  const path = (await runProgram(['mktemp', '--directory', join(tmpdir(), 'introzy-cluster-XXXXXX')])).trim();
  const script = 'cat; for attempt in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$0" && break; sleep 1; done';
  // Detached: an interrupt at the terminal does not reach it.
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
  /** Where it works. */
  directory: string;
  /** Ends it at once, and its children with it. */
  endBy: 'SIGQUIT' | 'SIGKILL';
  /** True once it serves; an error counts as false. */
  isReady(): Promise<unknown>;
}

/** Starts a program that serves until the end of the scope, not as root. It ends with the process of the tests too. */
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
    /** `setpriv` becomes the program: this is the program's own process id. */
    pid,
    /** Ends it with all of its children, as a failing machine does: nothing is told, nothing is saved. */
    async kill() {
      // So that it starts no other child meanwhile.
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
      // Where a test has stopped it, it hears of the signal once it goes on.
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

/** Asks until the answer is true; throws where it is not in time. */
export async function until(what: string, holds: () => Promise<boolean> | boolean) {
  const end = performance.now() + PATIENCE;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`Not within ${PATIENCE / 1_000} seconds: ${what}`);
    await new Promise((wait) => setTimeout(wait, 20));
  }
}

function signal(pid: number, name: NodeJS.Signals) {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended already.
  }
}

export function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children.split(' ').filter(Boolean).map(Number);
}

/** False for a zombie too: it holds nothing. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
