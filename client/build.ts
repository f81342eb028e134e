/**
 * Builds the package into `dist`: its code in one file with everything that the code depends on, and its declarations. The
 * compiler writes those out in full (see procedures.ts), so that they name nothing of the server's.
 *
 * Without the development packages it fails; with `--if-possible`, as npm runs it after an installation, it only says that
 * the package is not built: the service runs without the package.
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
    // Its users minify it with their own code, and read it in a debugger until then.
    minify: false,
    lib: { entry: 'index.ts', formats: ['es'], fileName: 'index' },
  },
});

const written = await mkdtemp(join(tmpdir(), 'introzy-client-'));
try {
  await promisify(execFile)(COMPILER, ['-p', HERE, '--outDir', written], { cwd: HERE });
  const declarations = await readDeclarations(join(written, 'client'));
  for (const [name, text] of declarations) await writeFile(join(DIST, name), text);
} finally {
  await rm(written, { recursive: true, force: true });
}

/** The declarations of the entry, and of the files that they name. Throws where a file is not this package's. */
async function readDeclarations(directory: string): Promise<Map<string, string>> {
  const available = await readdir(directory);
  const read = new Map<string, string>();
  const add = async (name: string): Promise<void> => {
    if (read.has(name)) return;
    const text = (await readFile(join(directory, name), 'utf8')).replace(/(from '\.\/\w+)\.ts'/g, "$1.js'");
    read.set(name, text);
    for (const [, specifier = ''] of text.matchAll(/(?:from|import\()\s*["']([^"']+)["']/g)) {
      const next = /^\.\/(\w+)\.js$/.exec(specifier)?.[1];
      if (next === undefined || !available.includes(`${next}.d.ts`)) {
        throw new Error(`${name} names ${specifier}, which the package does not have`);
      }
      await add(`${next}.d.ts`);
    }
  };
  await add('index.d.ts');
  return read;
}
