import { execFile } from 'node:child_process';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, inject, test } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { outsideProject } from '../helpers/outsideProject.ts';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../..');
const OUTSIDE = join(import.meta.dirname, 'outside');
const PATIENCE = { timeout: 300_000 };
const { archive } = inject('package');
const pinned = (name: keyof typeof manifest.devDependencies) => `${name}@${manifest.devDependencies[name]}`;

/** The complaints of the compiler installed in `home` about the project in `folder`. */
async function complaintsOf(home: string, folder: string): Promise<string> {
  const compiler = join(home, 'node_modules/typescript/bin/tsc');
  return await run(process.execPath, [compiler, '-p', folder, '--pretty', 'false'], { cwd: folder }).then(
    () => '',
    ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr,
  );
}

test.concurrent.each([
  ['the oldest version that the package takes', '11.4.0'],
  ['the newest version that all of tRPC’s packages have', '11.19.0'],
])('tRPC’s own tools are typed by the router, without any `any`, by %s', PATIENCE, async (_, version) => {
  await using project = await outsideProject();
  const trpc = ['server', 'client', 'react-query', 'tanstack-react-query'].map((name) => `@trpc/${name}@${version}`);
  const react = ['react', 'react-dom', '@types/react', '@tanstack/react-query'] as const;
  const superjson = `superjson@${manifest.dependencies.superjson}`;
  await project.install(archive, ...trpc, ...react.map(pinned), superjson, 'typescript@5.9.3');
  await cp(OUTSIDE, project.folder, { recursive: true });
  for (const [compiler, module, moduleResolution] of [
    [project.folder, 'nodenext', 'nodenext'], // TypeScript 5.9
    [ROOT, 'esnext', 'bundler'], // TypeScript 7
  ] as const) {
    const compilerOptions = {
      ...{ module, moduleResolution, target: 'es2022', lib: ['es2022', 'dom'], jsx: 'react-jsx', types: [] },
      ...{ noEmit: true, strict: true, exactOptionalPropertyTypes: true, allowImportingTsExtensions: true },
      skipLibCheck: true,
    };
    await writeFile(join(project.folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['router.ts'] }));
    expect(await complaintsOf(compiler, project.folder), moduleResolution).toBe('');
  }
});

test('The package’s router is the service’s router: procedures, inputs, answers and errors', PATIENCE, async () => {
  await using project = await outsideProject();
  await project.install(archive, `@trpc/server@${manifest.dependencies['@trpc/server']}`, 'typescript@5.9.3');
  await cp(OUTSIDE, project.folder, { recursive: true });
  // The same check of an altered package must notice each difference: of a kind, an input, an answer and an error.
  const altered = join(project.folder, 'altered');
  await cp(join(project.folder, 'node_modules/@introzy/client/dist'), altered, { recursive: true });
  let declarations = await readFile(join(altered, 'procedures.d.ts'), 'utf8');
  for (const [right, wrong] of [
    ["places: 'query'", "places: 'mutate'"],
    ['graceHours?: number | undefined', 'graceHours?: string | undefined'],
    ['lastUsedAt: Date | null', 'lastUsedAt: Date'],
    ['currentVersion?: number', 'currentVersion: number'],
  ] as const) {
    expect(declarations).toContain(right);
    declarations = declarations.replace(right, wrong);
  }
  await writeFile(join(altered, 'procedures.d.ts'), declarations);
  const check = await readFile(join(OUTSIDE, 'server.ts'), 'utf8');
  await writeFile(join(project.folder, 'altered.ts'), check.replace('@introzy/client/router', './altered/router.js'));

  const compilerOptions = {
    paths: { 'introzy/*': [join(ROOT, 'server/procedures/*')] },
    typeRoots: [join(ROOT, 'node_modules/@types')],
  };
  const files = ['server.ts', 'altered.ts'];
  const config = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, include: [], files };
  await writeFile(join(project.folder, 'tsconfig.json'), JSON.stringify(config));
  const complaints = (await complaintsOf(ROOT, project.folder)).trimEnd().split('\n');
  const lines = check.split('\n');
  const refused = complaints.map((complaint) => lines[Number(/^altered\.ts\((\d+)/.exec(complaint)?.[1]) - 1]);
  expect(refused).toEqual(lines.filter((line) => line.startsWith('sure<true>')));
});
