/**
 * Builds the package into `dist`: its code in one file with all that it depends on, and its declarations, which the compiler
 * writes out (see procedures.ts), so that they name nothing of the server's.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const HERE = import.meta.dirname;
const DIST = join(HERE, 'dist');
const COMPILER = resolve(HERE, '../node_modules/.bin/tsc');

// Without the development packages (`npm ci --omit=dev`) the service runs, and nothing is published.
if (process.argv.includes('--if-possible') && !existsSync(COMPILER)) process.exit(0);

const { build } = await import('vite');
await build({
  configFile: false,
  root: HERE,
  logLevel: 'warn',
  build: {
    outDir: DIST,
    emptyOutDir: true,
    target: 'es2022',
    // Who uses it minifies with the rest of theirs, and reads it in a debugger until then.
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

/** The entry's declarations, and those that they name. Throws where those are none of this package's. */
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
