import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseSync } from 'vite';
import { expect, test } from 'vitest';

const directory = join(import.meta.dirname, '../../db/migrations');

/** The modules that a source file names: `import`, `export … from`, `import(…)`. */
function modulesOf(source: string): string[] {
  const { errors, module } = parseSync('migration.ts', source);
  expect(errors).toEqual([]);
  const requests = [
    ...module.staticImports.map(({ moduleRequest }) => moduleRequest.value),
    ...module.staticExports.flatMap(({ entries }) =>
      entries.flatMap(({ moduleRequest }) => moduleRequest?.value ?? []),
    ),
    ...module.dynamicImports.map(({ moduleRequest: { start, end } }) => source.slice(start, end)),
  ];
  return [...new Set(requests)];
}

test('a migration imports kysely alone, as what it does must never change', async () => {
  const files = await readdir(directory, { recursive: true });
  const imports = files.map(async (file) => [file, modulesOf(await readFile(join(directory, file), 'utf8'))]);
  expect(files.length).toBeGreaterThanOrEqual(3);
  const all = (await Promise.all(imports)) as [string, string[]][];
  // A migration that only names indexes imports nothing.
  expect(all.filter(([, modules]) => modules.some((module) => module !== 'kysely'))).toEqual([]);
  expect(all.filter(([, modules]) => modules.length > 0).length).toBeGreaterThanOrEqual(4);
});

test('every form of an import is seen', () => {
  const source = `import a, { type B } from './a.ts';
    import type { C } from './c.ts';
    import './d.ts';
    export * from './e.ts';
    export { f } from './f.ts';
    const g = await import('./g.ts');
    const text = "import h from './h.ts'"; // import i from './i.ts'`;
  expect(modulesOf(source)).toEqual(['./a.ts', './c.ts', './d.ts', './e.ts', './f.ts', "'./g.ts'"]);
});
