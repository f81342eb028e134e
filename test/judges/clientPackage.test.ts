import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { outsideProject } from '../helpers/outsideProject.ts';
import { serveApp } from '../helpers/serveApp.ts';
import { testApp } from '../helpers/testApp.ts';
import { programOf } from './judges.ts';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../..');
const CLIENT = join(ROOT, 'client');
const COMPILER = join(ROOT, 'node_modules/.bin/tsc');
const PATIENCE = { timeout: 180_000 };

/** The folder of a project that has only the client's package installed. */
let project: string;
const { archive, files } = inject('package');

beforeAll(async () => {
  const { folder, install } = await outsideProject();
  project = folder;
  await install('--offline', archive);
}, 180_000);
afterAll(() => rm(project, { recursive: true, force: true }));

const readExample = async (readme: string) => {
  const examples = [...(await readFile(readme, 'utf8')).matchAll(/^```ts\n(.*?)^```$/gms)].map(([, text]) => text);
  expect(examples).toHaveLength(1);
  return examples[0] as string;
};

test('The package has its code, its declarations and its words, and nothing of anything else', async () => {
  expect(files).toEqual([
    'CHANGELOG.md',
    'README.md',
    'dist/contacts.d.ts',
    'dist/index.d.ts',
    'dist/index.js',
    'dist/introzyError.d.ts',
    'dist/keySource.d.ts',
    'dist/procedures.d.ts',
    'dist/router.d.ts',
    'dist/router.js',
    'package.json',
  ]);
  const installed = join(project, 'node_modules');
  expect((await readdir(installed)).filter((name) => !name.startsWith('.'))).toEqual(['@introzy']);
  const manifest = JSON.parse(await readFile(join(installed, '@introzy/client/package.json'), 'utf8'));
  expect([manifest.dependencies, manifest.type]).toEqual([undefined, 'module']);
  // Before 11.4 tRPC does not export the types that the router is made of, and the router would silently become `any`.
  expect(manifest.peerDependencies).toEqual({ '@trpc/server': '>=11.4 <12' });
  expect(manifest.peerDependenciesMeta).toEqual({ '@trpc/server': { optional: true } });
  const changelog = await readFile(join(CLIENT, 'CHANGELOG.md'), 'utf8');
  expect(changelog).toContain(`\n## ${manifest.version}\n`);
  for (const path of files.filter((name) => name.startsWith('dist/'))) {
    const text = await readFile(join(installed, '@introzy/client', path), 'utf8');
    expect(text, path).not.toMatch(/kysely|select .* from|createHmac|node:|\.\.\/server/);
    const named = [...text.matchAll(/from ['"]([^.'"][^'"]*)['"]/g)].map(([, name]) => name);
    expect(named, path).toEqual(path === 'dist/router.d.ts' ? ['@trpc/server'] : []);
  }
});

test('publint and attw find nothing', PATIENCE, async () => {
  const { stdout } = await run(programOf('publint'), ['run', archive, '--strict']);
  expect(stdout).toContain('All good!');
  // attw exits with 1 where it finds a fault. The package has only ES modules.
  await run(programOf('attw'), [archive, '--no-definitely-typed', '--profile', 'esm-only', '--format', 'json']);
});

test('It is at most 15 kB, minified and compressed, with all that it depends on', async () => {
  const built = (await build({
    configFile: false,
    root: project,
    logLevel: 'warn',
    build: {
      write: false,
      minify: true,
      target: 'es2022',
      rolldownOptions: {
        input: join(project, 'node_modules/@introzy/client/dist/index.js'),
        preserveEntrySignatures: 'strict',
      },
    },
  })) as Rolldown.RolldownOutput;
  const [{ code }, ...others] = built.output;
  expect(others).toEqual([]);
  expect(code).toContain('dangerouslyAllowBrowser');
  expect(gzipSync(code).length).toBeLessThanOrEqual(15_000);
});

test('The README’s example is type-checked and runs as it stands, and prints what it says', PATIENCE, async () => {
  await using app = await testApp();
  await using server = await serveApp(app.app.fetch);
  const example = await readExample(join(CLIENT, 'README.md'));
  expect(await readExample(join(ROOT, 'README.md'))).toBe(example);
  await writeFile(join(project, 'example.ts'), example);
  await writeFile(join(project, 'wrong.ts'), example.replace("tags: ['maths']", 'tags: 7'));
  const strict = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'esnext', '--types', ''];
  const check = (file: string) =>
    run(COMPILER, [...strict, '--exactOptionalPropertyTypes', '--skipLibCheck', 'false', file], {
      cwd: project,
    });
  await check('example.ts');
  const { stdout: complaint } = await check('wrong.ts').catch((error: { stdout: string }) => error);
  expect(complaint).toMatch(/number.* is not assignable to type .*string\[\]/);

  const { PATH = '', HOME = '' } = process.env;
  const env = { PATH, HOME, INTROZY_API_KEY: app.one.key, INTROZY_URL: server.address };
  const { stdout, stderr } = await run(process.execPath, ['example.ts'], { cwd: project, env });
  expect(stderr).toBe('');
  const { items } = await app.trpc(app.one.key).contacts.list.query({ tag: 'maths' });
  expect(items).toMatchObject([{ name: 'Ada Lovelace', title: null, version: 1 }]);
  const year = items[0]?.createdAt.getFullYear();
  expect(stdout).toBe(`Ada Lovelace ${year}\nPRECONDITION_FAILED { currentVersion: 1 }\n`);
});

test('It refuses to work in a browser with a key, unless it is told to', async () => {
  await mkdir(join(project, 'page'), { recursive: true });
  const script = `
    globalThis.window = globalThis;
    globalThis.document = {};
    const { createIntrozyClient } = await import('@introzy/client');
    const key = 'introzy_' + 'ab'.repeat(32);
    try { createIntrozyClient({ key }); } catch (error) { console.log(error.message); }
    console.log(typeof createIntrozyClient({ key, dangerouslyAllowBrowser: true }).contacts.all);
  `;
  await writeFile(join(project, 'page/page.mjs'), script);
  const { stdout } = await run(process.execPath, ['page/page.mjs'], { cwd: project });
  const [refusal, allowed] = stdout.trimEnd().split('\n');
  expect(refusal).toMatch(/^An API key does not belong in a web page, where anybody can read it/);
  expect(refusal).not.toContain('abab');
  expect(allowed).toBe('function');
});
