import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { listen } from '../../server/start/listen.ts';
import { readRecipe } from '../helpers/recipes.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../..');
const PATIENCE = { timeout: 180_000 };

/** The app behind a real listener, and the environment of a recipe. */
async function listenApp() {
  const app = await testApp();
  const listener = await listen(app.app.fetch, { host: '127.0.0.1', port: 0, log: app.deps.log });
  const address = `http://127.0.0.1:${listener.port}`;
  const { PATH = '', HOME = '' } = process.env;
  return {
    ...app,
    address,
    env: { PATH, HOME, INTROZY_URL: address, INTROZY_API_KEY: app.one.key },
    async [Symbol.asyncDispose]() {
      await listener.drain();
      await app[Symbol.asyncDispose]();
    },
  };
}

type Calls = Pick<TestApp, 'one' | 'trpc'>;

/** Contacts for a second page of 100. */
async function addContacts(app: Calls) {
  for (const part of [0, 1]) {
    const contacts = Array.from({ length: 60 }, (_, index) => ({ name: `Person ${part * 60 + index}` }));
    await app.trpc(app.one.key).contacts.upsertMany.mutate({ contacts });
  }
}

const contactsOf = async (app: Calls, search: string) =>
  (await app.trpc(app.one.key).contacts.list.query({ search })).items;

test('The recipe for curl does what it says, as pasted into a shell, and again', PATIENCE, async () => {
  await using app = await listenApp();
  await addContacts(app);
  const [block, ...more] = await readRecipe('curl');
  expect([block?.language, more]).toEqual(['sh', []]);
  const { stdout, stderr } = await run('sh', ['-ec', block?.code ?? ''], { env: app.env, maxBuffer: 10_000_000 });
  expect(stderr).toBe('');
  // A list has lines of its own.
  const answers = stdout.split(/\n+(?=\{"success")/).map((answer) => JSON.parse(answer));
  expect(
    answers.map(({ data, error }) => error ?? (Array.isArray(data) ? data.length : Object.keys(data).length > 0)),
  ).toEqual([
    100,
    21,
    true,
    'Another contact has this email',
    'The contact is not at the expected version',
    true,
    true,
  ]);
  expect(answers[2].data.results.map(({ outcome }: { outcome: string }) => outcome)).toEqual(['updated', 'created']);
  const [ada] = await contactsOf(app, 'ada lovelace');
  expect(ada).toMatchObject({ title: 'Countess', company: 'Analytical Engines', version: 3 });
  expect(answers.map(({ details }) => details).filter(Boolean)).toEqual([
    { existingId: ada?.id },
    { currentVersion: 2 },
  ]);

  const again = await run('sh', ['-c', block?.code ?? ''], { env: app.env, maxBuffer: 10_000_000 });
  expect(JSON.parse(again.stdout.trim().split('\n').at(-1) ?? '')).toEqual(answers.at(-1));
  expect(await contactsOf(app, 'grace hopper')).toHaveLength(1);
});

test('The recipe for Python does what it says, and repeats a write whose answer was lost', PATIENCE, async () => {
  let lost = 0;
  await using app = await listenApp();
  await addContacts(app);
  const [block, ...more] = await readRecipe('Python, its standard library alone');
  expect([block?.language, more]).toEqual(['python', []]);
  // A proxy that answers the first write with 503, after the service has done the write.
  const proxy = await listen(
    async (request: Request) => {
      const url = new URL(request.url);
      const answer = await fetch(app.address + url.pathname + url.search, {
        method: request.method,
        headers: Object.fromEntries([...request.headers].filter(([name]) => !/^(host|connection)$/.test(name))),
        ...(request.method !== 'GET' && { body: await request.text() }),
      });
      if (request.method === 'POST' && lost++ === 0) {
        return new Response('', { status: 503, headers: { 'retry-after': '0' } });
      }
      return new Response(await answer.text(), {
        status: answer.status,
        headers: { 'content-type': 'application/json' },
      });
    },
    { host: '127.0.0.1', port: 0, log: app.deps.log },
  );
  const env = { ...app.env, INTROZY_URL: `http://127.0.0.1:${proxy.port}`, INTROZY_API_KEY: `${app.one.key}\n` };
  const { stdout, stderr } = await run('python3', ['-c', block?.code ?? ''], { env });
  await proxy.drain();
  expect(stderr).toBe('');
  const [mary, ...others] = await contactsOf(app, 'somerville');
  expect([others, mary?.version, lost]).toEqual([[], 3, 4]);
  expect(mary).toMatchObject({ title: 'Astronomer', company: 'Royal Society' });
  const created = mary?.createdAt.toISOString();
  expect(stdout).toBe(`Mary Somerville ${created}\n0 updated\n1 created\n409 True\n412 2\n`);
});

test(
  'The recipe for TypeScript installs the client in a project of somebody’s own, and does what it says',
  PATIENCE,
  async () => {
    await using app = await listenApp();
    const project = await mkdtemp(join(tmpdir(), 'introzy-recipe-'));
    try {
      const [install, block, ...more] = await readRecipe('TypeScript, in a project of your own');
      expect([install?.language, block?.language, more]).toEqual(['sh', 'typescript', []]);
      const pasted = (install?.code ?? '').replace('project=../my-app', 'project=$PROJECT');
      expect(pasted).not.toBe(install?.code);
      const env = { ...app.env, PROJECT: join(project, 'my app') };
      await run('sh', ['-ec', pasted], { cwd: ROOT, env: { ...env, npm_config_offline: 'true' } });
      await writeFile(join(env.PROJECT, 'recipe.mts'), block?.code ?? '');
      const strict = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'esnext', '--types', ''];
      await run(join(ROOT, 'node_modules/.bin/tsc'), [...strict, 'recipe.mts'], { cwd: env.PROJECT }).catch(
        ({ stdout }) => expect.fail(stdout),
      );
      const { stdout, stderr } = await run(process.execPath, ['recipe.mts'], { cwd: env.PROJECT, env });
      expect(stderr).toBe('');
      const [emmy] = await contactsOf(app, 'noether');
      expect(emmy).toMatchObject({ title: 'Professor', company: 'Göttingen', version: 3 });
      expect(stdout).toBe(`Emmy Noether ${emmy?.createdAt.toISOString()}\n0 updated\n1 created\n409 true\n412 2\n`);
      expect(await contactsOf(app, 'ida rhodes')).toHaveLength(1);
    } finally {
      await rm(project, { recursive: true, force: true });
    }
  },
);
