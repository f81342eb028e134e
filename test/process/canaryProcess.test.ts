import { spawn } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { runAs } from '../helpers/database.ts';
import { makePlace, PROCESS, startService } from '../helpers/service.ts';

const CLI = resolve(import.meta.dirname, '../../server/cli.ts');

/** Runs a command; everything that it printed. */
async function introzy(environment: Record<string, string>, args: string[]) {
  const child = spawn(process.execPath, [CLI, ...args], { env: { ...PROCESS, ...environment } });
  const ended = new Promise<number | null>((end) => child.on('close', end));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, stdout, all: stdout + stderr };
}

/** Every file below a directory, as one text of bytes: PostgreSQL's tables and its log of writes. */
async function readFiles(directory: string): Promise<string> {
  const parts: string[] = [];
  for (const name of await readdir(directory, { recursive: true })) {
    const path = join(directory, name);
    if ((await stat(path)).isFile()) parts.push(await readFile(path, 'latin1'));
  }
  return parts.join('\n');
}

/** Every row of every table, as text. */
async function dump(adminUrl: string): Promise<string> {
  const [tables] = await runAs(adminUrl, [
    `select table_name as name from information_schema.tables where table_schema = 'public'`,
  ]);
  const names = (tables?.rows ?? []).map(({ name }) => name as string);
  const results = await runAs(
    adminUrl,
    names.map((name) => `select each_row::text as row from "${name}" each_row`),
  );
  return results.flatMap(({ rows }) => rows.map(({ row }) => row as string)).join('\n');
}

/** Signs in, and asks for a reset, whose link the log has where no mail is set up. */
async function openAccount({ address }: { address: string }, account: { email: string; password: string }) {
  const post = async (path: string, body: object) => {
    const headers = { origin: address, 'content-type': 'application/json' };
    const answer = await fetch(`${address}/api/auth${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    expect(answer.status, path).toBe(200);
    return (await answer.json()) as { token: string };
  };
  const { token: session } = await post('/sign-in/email', account);
  await post('/request-password-reset', { email: account.email });
  return { session, reset: (log: string) => /reset-password\?token=(\w+)/.exec(log)?.[1] ?? '' };
}

const PATIENCE = { timeout: 180_000 };

test.each(['postgres', 'embedded'] as const)(
  'A key of the command line is printed once, and is nowhere else; no password, session or reset is kept (%s)',
  PATIENCE,
  async (kind) => {
    await using place = await makePlace(kind);
    const { environment } = place;
    const setUp = await introzy(environment, [
      'setup',
      '--organization',
      'One',
      '--email',
      'one@example.com',
      '--json',
    ]);
    const { key: first, email, password } = JSON.parse(setUp.stdout);
    const issued = await introzy(environment, [
      'keys',
      'issue',
      '--organization',
      'One',
      '--name',
      'another',
      '--json',
    ]);
    const { key: second, apiKey } = JSON.parse(issued.stdout);
    const rotated = await introzy(environment, ['keys', 'rotate', apiKey.id, '--organization', 'One', '--json']);
    const { key: third } = JSON.parse(rotated.stdout);
    const canaries = [first, second, third] as string[];
    for (const key of canaries) expect(key).toMatch(/^introzy_[0-9a-f]{64}$/);

    const said = [
      await introzy(environment, ['keys', 'list', '--organization', 'One', '--json']),
      await introzy(environment, ['keys', 'revoke', third, '--organization', 'One']),
      await introzy(environment, [second]),
    ];
    expect(said.map(({ code }) => code)).toEqual([0, 1, 1]);

    const service = await startService({ ...environment, LOG_LEVEL: 'trace' });
    try {
      for (const key of canaries) {
        expect((await service.call(key, 'GET', '/api/keys/current')).status).toBe(200);
        expect((await service.call(key, 'GET', `/api/contacts?key=${key}`)).status).toBe(400);
        expect((await service.call(key, 'GET', `/api/${key}`)).status).toBe(404);
      }
      const opened = await openAccount(service, { email, password });
      service.child.kill('SIGTERM');
      const { code, stdout, stderr } = await service.exit;
      expect(code).toBe(0);
      const kept = kind === 'embedded' ? await readFiles(place.dataDirectory) : await dump(place.adminUrl);
      expect(kept).toContain(third.slice('introzy_'.length, 16));
      for (const key of canaries) {
        const secret = key.slice('introzy_'.length + 8);
        expect(stdout + stderr).not.toContain(secret);
        for (const { all } of said) expect(all).not.toContain(secret);
        expect(kept.includes(secret)).toBe(false);
      }
      for (const secret of [password, opened.session, opened.reset(stdout)]) {
        expect(secret.length).toBeGreaterThan(15);
        expect(kept.includes(secret)).toBe(false);
      }
    } finally {
      await service[Symbol.asyncDispose]();
    }
  },
);
