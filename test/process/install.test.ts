import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../..');
const BUILT = ['client/dist', 'client/dashboard/dist'];

interface Lock {
  packages: Record<string, { name?: string; version?: string; dev?: boolean; link?: boolean }>;
}
const readJson = async <T>(path: string) => JSON.parse(await readFile(join(ROOT, path), 'utf8')) as T;

/** Copies the repository's source, with the packages for which `isInstalled` is true. Nothing is built in the copy. */
async function makeTree(isInstalled: (name: string, isDevelopment: boolean) => boolean) {
  const directory = await mkdtemp(join(tmpdir(), 'introzy-install-'));
  for (const path of ['package.json', 'tsconfig.json', 'shared', 'db', 'server', 'client']) {
    const filter = (source: string) => !BUILT.some((built) => source === join(ROOT, built));
    await cp(join(ROOT, path), join(directory, path), { recursive: true, filter });
  }
  const { packages } = await readJson<Lock>('package-lock.json');
  for (const [path, { dev = false, link = false }] of Object.entries(packages)) {
    const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path)?.[1];
    if (name === undefined || link || !isInstalled(name, dev) || !existsSync(join(ROOT, path))) continue;
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await symlink(join(ROOT, path), join(directory, path));
  }
  await mkdir(join(directory, 'node_modules/.bin'));
  for (const name of ['tsc', 'vite']) {
    await symlink(join(ROOT, 'node_modules/.bin', name), join(directory, 'node_modules/.bin', name));
  }
  return { directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) };
}

/** Runs the script that npm runs at the end of an installation. */
async function prepare(directory: string) {
  const env = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` };
  return await run('npm', ['run', 'prepare'], { cwd: directory, env });
}

test.each<[string, (name: string, isDevelopment: boolean) => boolean, RegExp]>([
  ['without the development packages', (_, isDevelopment) => !isDevelopment, /Not installed: .+ and \d+ more\.$/gm],
  ['without one of them', (name) => name !== '@types/pg', /Not installed: @types\/pg\.$/gm],
])('An installation %s succeeds, and says what it leaves unbuilt', async (_, isInstalled, missing) => {
  await using tree = await makeTree(isInstalled);
  const { stdout } = await prepare(tree.directory);
  expect(stdout).toMatch(/^The dashboard is not built: .*npm run build/m);
  expect(stdout).toMatch(/^The client’s package is not built: .*npm run build/m);
  expect(stdout.match(missing)).toHaveLength(2);
  for (const built of BUILT) expect(existsSync(join(tree.directory, built)), built).toBe(false);

  // For a build that somebody asks for, a package that cannot be built is a failure.
  const build = run(process.execPath, ['client/build.ts'], { cwd: tree.directory });
  await expect(build).rejects.toMatchObject({ code: 1, stdout: expect.stringMatching(/^The client’s package is not/) });
});

test('The lock file names the version that each package of the repository has', async () => {
  const { packages } = await readJson<Lock>('package-lock.json');
  for (const [path, manifest] of [
    ['', 'package.json'],
    ['client', 'client/package.json'],
  ] as const) {
    const { name, version } = await readJson<{ name: string; version: string }>(manifest);
    expect(packages[path], manifest).toMatchObject({ name, version });
  }
});
