import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, inject, test } from 'vitest';
import { commandLine } from './cliHelpers.ts';
import { startService } from './helpers/service.ts';

const root = resolve(import.meta.dirname, '..');

/** The example as a file of its own, which finds the client wherever it lies itself. */
async function readExample(): Promise<string> {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const examples = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, text]) => text as string);
  expect(examples).toHaveLength(1);
  const [example = ''] = examples;
  expect(example.match(/'\.\/client\/index\.ts'/g)).toHaveLength(1);
  return example.replace('./client/index.ts', pathToFileURL(join(root, 'client/index.ts')).href);
}

/** A service as the README has one started, and a key of it. */
async function serve(cli: Awaited<ReturnType<typeof commandLine>>) {
  const environment = cli.environment as Record<string, string>;
  if (inject('database').kind === 'embedded') {
    const service = await startService(environment);
    return { service, key: /introzy_[0-9a-f]{64}/.exec(service.output())?.[0] as string };
  }
  const { key } = await cli.json('setup', '--organization', 'Example', '--email', 'owner@example.com');
  return { service: await startService(environment), key: key as string };
}

test('The example in TypeScript runs as the README has it, and prints what it says', { timeout: 180_000 }, async () => {
  await using cli = await commandLine();
  const { service, key } = await serve(cli);
  await using _ = service;
  const directory = await mkdtemp(join(tmpdir(), 'introzy-readme-'));
  try {
    const file = join(directory, 'example.mts');
    await writeFile(file, await readExample());
    const { PATH = '', HOME = '' } = process.env;
    const env = { PATH, HOME, INTROZY_API_KEY: key, INTROZY_URL: service.address };
    const years = [new Date().getFullYear()];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { env, cwd: directory });
    years.push(new Date().getFullYear());
    const [year, refusal, ...more] = stdout.trimEnd().split('\n');
    expect(years).toContain(Number(year));
    expect([refusal, more]).toEqual(['PRECONDITION_FAILED { currentVersion: 1 }', []]);
    expect(stderr).toBe('');
    const { data } = (await service.call(key, 'GET', '/api/contacts?tag=maths')).body;
    expect(data).toMatchObject([{ name: 'Ada Lovelace', title: null, version: 1 }]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
