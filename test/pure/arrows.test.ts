import { execFile } from 'node:child_process';
import { cp, glob, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const BIOME = join(ROOT, 'node_modules/.bin/biome');

/** By folder: imports that the linter must refuse, as written in a file of the folder. */
const REFUSED: Record<string, string[]> = {
  shared: [
    ...[
      '../db/open.ts',
      '../server/http/errors.ts',
      '../client/wait.ts',
      'node:fs',
      'node:fs/promises',
      'kysely',
      'pg',
    ],
    ...['@trpc/server', 'pino', 'better-auth', 'react', 'uuid'],
  ],
  'shared/csv': ['../../db/open.ts', 'node:fs'],
  db: [
    ...['../server/http/errors.ts', '../client/wait.ts', 'pg', '@electric-sql/pglite', 'hono', '@trpc/server'],
    ...['better-auth', 'nodemailer'],
  ],
  'db/driver': ['../../server/main.ts', '../../client/wait.ts', '../contacts.ts', '../open.ts', '@trpc/server', 'hono'],
  'db/migrations': ['../schema.ts', '../../shared/text.ts', 'node:fs', 'pg'],
  'db/newFolder': ['../schema.ts', '../../server/main.ts', 'pg', 'kysely'],
  server: ['./auth/keys.ts', './doors/app.ts', '../client/index.ts', 'pg', 'kysely'],
  'server/newRoom': ['../start/config.ts', '../auth/keys.ts', '../../db/open.ts', '../../client/index.ts', 'pg'],
  'server/start': ['../cli/program.ts', '../main.ts', '../../client/index.ts', 'pg', 'kysely', 'nodemailer'],
  'server/doors': [
    ...['../../db/open.ts', '../auth/keys.ts', '../mail/mailer.ts', '../start/config.ts', '../cli/text.ts', 'pg'],
    ...['../main.ts', '../cli.ts', 'better-auth'],
  ],
  'server/doors/rest': ['../../../db/open.ts', '../../auth/keys.ts', '../../main.ts', '../../cli.ts', 'kysely'],
  'server/doors/mcp': ['../../../db/open.ts', '../../auth/keys.ts', '../../mail/mailer.ts'],
  'server/doors/pages': ['../../../db/open.ts', '../../start/config.ts', '../../../client/index.ts'],
  'server/procedures': [
    ...['../doors/app.ts', '../start/config.ts', '../cli/text.ts', '../../client/wait.ts', 'hono', 'kysely', 'pg'],
    ...['better-auth', 'nodemailer'],
  ],
  'server/auth': [
    ...['../http/errors.ts', '../procedures/context.ts', '../doors/app.ts', '../mail/mailer.ts', '../start/config.ts'],
    ...['@trpc/server', 'hono', 'nodemailer'],
  ],
  'server/http': [
    ...['../../db/open.ts', '../auth/keys.ts', '../procedures/context.ts', '../doors/app.ts', '../mail/mailer.ts'],
    'better-auth',
  ],
  'server/mail': [
    '../../db/open.ts',
    '../http/errors.ts',
    '../auth/keys.ts',
    '../procedures/context.ts',
    '@trpc/server',
  ],
  'server/cli': ['../../client/index.ts', '../main.ts', '../cli.ts', 'pg', 'hono', 'kysely', 'better-auth'],
  'server/cli/import': ['../../../client/index.ts', '../../main.ts', 'pg'],
  client: [
    '../db/open.ts',
    '../server/start/config.ts',
    'node:fs',
    'node:fs/promises',
    'pg',
    'hono',
    'hono/cookie',
    'better-auth',
  ],
  'client/dashboard': ['../../server/http/errors.ts', '../../db/open.ts'],
};

/** By folder: imports that the layout needs. A rule that refused everything would pass the test above. */
const TAKEN: Record<string, string[]> = {
  shared: ['./text.ts', 'zod', 'libphonenumber-js/core'],
  'shared/csv': ['../contacts.ts', 'csv-parse/sync'],
  db: ['./schema.ts', '../shared/text.ts', './driver/postgres.ts', 'kysely'],
  'db/driver': ['../errors.ts', 'pg', '@electric-sql/pglite', 'kysely'],
  'db/migrations': ['kysely'],
  'server/start': ['better-auth/crypto', '../doors/app.ts', '../auth/keys.ts', '../../db/open.ts', '../mail/mailer.ts'],
  'server/doors': ['../procedures/call.ts', '../http/errors.ts', '../../shared/text.ts', 'hono'],
  'server/procedures': [
    '../auth/keys.ts',
    '../http/errors.ts',
    '../mail/messages.ts',
    '../../db/open.ts',
    '@trpc/server',
  ],
  'server/auth': ['../../db/open.ts', '../../shared/text.ts', 'better-auth'],
  'server/http': ['../../shared/errors.ts', '@trpc/server'],
  'server/mail': ['../../shared/paths.ts', 'nodemailer'],
  'server/cli': ['../start/store.ts', '../doors/app.ts', '../../db/open.ts', '../../shared/text.ts'],
  client: ['../shared/text.ts', '@trpc/client'],
};

/** By path: content that the linter must refuse for reasons besides the imports' paths. */
const REFUSED_CONTENT: Record<string, string> = {
  'client/routerValue.ts':
    "import { appRouter } from '../server/procedures/router.ts';\nexport const value = appRouter;\n",
  'client/build.ts': "import '../server/start/config.ts';\n",
  'shared/circleOne.ts': "import type { Two } from './circleTwo.ts';\nexport type One = Two | undefined;\n",
  'shared/circleTwo.ts': "import type { One } from './circleOne.ts';\nexport type Two = One[];\n",
};

const filesOf = (table: Record<string, string[]>, prefix: string) =>
  Object.entries(table).flatMap(([folder, specifiers]) =>
    specifiers.map((specifier, index) => [
      `${folder}/${prefix}${index}.ts`,
      `import '${specifier}';\n`,
      `${folder} → ${specifier}`,
    ]),
  ) as [path: string, content: string, arrow: string][];

/** Lints files in a new folder by this repository's rules, and gives the paths with faults. */
async function lint(files: [path: string, content: string][]): Promise<Set<string>> {
  const directory = await mkdtemp(join(tmpdir(), 'introzy-arrows-'));
  try {
    await cp(join(ROOT, '.biome.json'), join(directory, '.biome.json'));
    for (const [path, content] of files) {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      await writeFile(join(directory, path), content);
    }
    const report = await new Promise<string>((resolve) => {
      const options = ['lint', '--vcs-enabled=false', '--reporter=json', '--max-diagnostics=none', '.'];
      execFile(BIOME, options, { cwd: directory, maxBuffer: 50_000_000 }, (_, stdout) => resolve(stdout));
    });
    const { diagnostics } = JSON.parse(report.slice(report.indexOf('{'))) as { diagnostics: Diagnostic[] };
    const ofArrows = diagnostics.filter(({ category }) => ARROWS.has(category));
    return new Set(ofArrows.map(({ location }) => String(location.path).replace(/^\.\//, '')));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

interface Diagnostic {
  category: string;
  location: { path: unknown };
}
const ARROWS = new Set(['lint/style/noRestrictedImports', 'lint/suspicious/noImportCycles']);

test('Each folder refuses the imports that the layout forbids, and circles, of types too', async () => {
  const probes = filesOf(REFUSED, 'forbidden');
  const contents = Object.entries(REFUSED_CONTENT);
  const refused = await lint([...probes.map(([path, content]): [string, string] => [path, content]), ...contents]);
  expect(probes.filter(([path]) => !refused.has(path)).map(([, , arrow]) => arrow)).toEqual([]);
  expect(contents.map(([path]) => path).filter((path) => !refused.has(path))).toEqual([]);
});

test('Each folder takes the imports that the layout needs', async () => {
  const probes = filesOf(TAKEN, 'allowed');
  const refused = await lint(probes.map(([path, content]): [string, string] => [path, content]));
  expect(probes.filter(([path]) => refused.has(path)).map(([, , arrow]) => arrow)).toEqual([]);
});

/** `import('./x.ts').Type` and `typeof import('./x.ts')`, which the linter does not see. */
const TYPE_IMPORT = /\btypeof import\(|\bimport\('[^']*'\)\.(?!then\b)/;

test('No type is imported past the linter', async () => {
  const files = await Array.fromAsync(
    glob('{shared,db,server,client}/**/*.{ts,tsx}', { cwd: ROOT, exclude: ['**/dist'] }),
  );
  expect(files.length).toBeGreaterThan(150);
  const texts = await Promise.all(files.map(async (file) => [file, await readFile(join(ROOT, file), 'utf8')] as const));
  expect(texts.filter(([, text]) => TYPE_IMPORT.test(text)).map(([file]) => file)).toEqual([]);
});
