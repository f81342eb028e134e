/**
 * Builds the client's package into `dist`: the code, together with everything that the code depends on, in one file,
 * and the declarations. The compiler writes the declarations out in full (see procedures.ts), so that the declarations
 * name no file of the server. The entry `router` has types alone.
 *
 * Without the development packages the build fails. With `--if-possible`, as npm runs the build after an installation,
 * the build only says that the package is not built: the service runs without the package.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { canBuild } from './developmentPackages.ts';

const HERE = import.meta.dirname;
const DIST = join(HERE, 'dist');
const COMPILER = resolve(HERE, '../node_modules/.bin/tsc');

if (!canBuild('The client’s package')) process.exit(process.argv.includes('--if-possible') ? 0 : 1);

const { build } = await import('vite');
await build({
  configFile: false,
  root: HERE,
  logLevel: 'warn',
  build: {
    outDir: DIST,
    emptyOutDir: true,
    target: 'es2022',
    // Users minify the package with their own code, and until then read the package in a debugger.
    minify: false,
    lib: { entry: 'index.ts', formats: ['es'], fileName: 'index' },
  },
});

const written = await mkdtemp(join(tmpdir(), 'introzy-client-'));
try {
  await promisify(execFile)(COMPILER, ['-p', HERE, '--outDir', written], { cwd: HERE });
  const directory = join(written, 'client');
  const declarations = [
    ...(await readDeclarations(directory, { entry: 'index' })),
    ...(await readDeclarations(directory, { entry: 'router', peer: '@trpc/server' })),
  ];
  for (const [name, text] of declarations) await writeFile(join(DIST, name), text);
  // For `import { type AppRouter } from '@introzy/client/router'`, of which a compiler may leave an import without names.
  await writeFile(join(DIST, 'router.js'), 'export {};\n');
} finally {
  await rm(written, { recursive: true, force: true });
}

/**
 * Reads the declarations of `entry` and of every file that the declarations import. Throws where an imported file is not
 * in the package. `peer` is a package that the entry's user has installed, and that the declarations may import.
 */
async function readDeclarations(
  directory: string,
  { entry, peer }: { entry: string; peer?: string },
): Promise<Map<string, string>> {
  const available = await readdir(directory);
  const read = new Map<string, string>();
  const add = async (name: string): Promise<void> => {
    if (read.has(name)) return;
    const text = (await readFile(join(directory, name), 'utf8')).replace(/(from '\.\/\w+)\.ts'/g, "$1.js'");
    read.set(name, text);
    for (const [, specifier = ''] of text.matchAll(/(?:from|import\()\s*["']([^"']+)["']/g)) {
      if (specifier === peer) continue;
      const next = /^\.\/(\w+)\.js$/.exec(specifier)?.[1];
      if (next === undefined || !available.includes(`${next}.d.ts`)) {
        throw new Error(`${name} names ${specifier}, which the package does not have`);
      }
      await add(`${next}.d.ts`);
    }
  };
  await add(`${entry}.d.ts`);
  return read;
}
