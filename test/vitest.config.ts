import { resolve } from 'node:path';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { CHROMIUM, hasChromium } from './helpers/chromiumPath.ts';
import { hasJava } from './helpers/javaPath.ts';
import { hasRedis, REDIS_SERVER } from './helpers/redisPath.ts';
import { SlowestFirst } from './helpers/slowestFirst.ts';

const root = resolve(import.meta.dirname, '..');

/** These tests signal PostgreSQL's processes, which must be ours and on this machine. */
const SIGNALLING = ['test/sql/outage.test.ts', 'test/sql/sharing.test.ts', 'test/sql/stall.test.ts'];
/** Tests of the walls between organizations: they run with separate logins as well. */
const SEPARATED = [
  'walls',
  'wallOf*',
  'wallSessions',
  'injection*',
  'requestStatements',
  'admission',
  'audit*',
  'expiryNotices',
  'revocation',
  'members',
];
/** This test changes attributes of roles, as a superuser alone may. */
const SUPERUSERS = 'test/sql/logins.test.ts';
const POSTGRES_ONLY = [
  ...SIGNALLING,
  SUPERUSERS,
  ...[
    'atHand',
    'contactPlans',
    'deadline',
    'dump',
    'indexes',
    'injection*',
    'migrationWaits',
    'requestStatements',
    'wire',
  ].map((name) => `test/sql/${name}.test.ts`),
];

/** These tests open a page that is not ours. */
const WITH_CHROMIUM = ['test/judges/example.test.ts', 'test/judges/reactRecipe.test.ts'];
/** Specmatic needs Java. */
const WITH_JAVA = 'test/judges/openapiContract.test.ts';
if (!hasChromium) {
  process.stdout.write(
    `There is no ${CHROMIUM}: test/browser, ${WITH_CHROMIUM.join(', ')} are left out. Install Debian's chromium, or set CHROMIUM.\n`,
  );
}
if (!hasJava) {
  process.stdout.write(
    `There is no Java: ${WITH_JAVA} (Specmatic) is left out. Install Debian's default-jre-headless.\n`,
  );
}

const WITH_REDIS = 'test/process/redis.test.ts';
if (!hasRedis) {
  process.stdout.write(
    `There is no ${REDIS_SERVER}: ${WITH_REDIS} is left out. Install Debian's redis-server, or set REDIS_SERVER.\n`,
  );
}

interface ProjectOptions {
  /** Of `test/`, what the project runs. */
  folder: string;
  /** The files of the folder. Default: all. */
  files?: string[];
  /** Which of `helpers/…Setup.ts` run before the project. */
  setups?: string[];
  exclude?: string[];
  /** False where the files of a folder may share a process. */
  isolate?: boolean;
}

const project = (
  name: string,
  { folder, files = ['*'], setups = [], exclude = [], isolate = true }: ProjectOptions,
): TestProjectInlineConfiguration => ({
  root,
  test: {
    name,
    include: files.map((file) => `test/${folder}/${file}.test.ts`),
    exclude,
    isolate,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // vitest's second is too short for a page on a slow machine.
    expect: { poll: { timeout: 20_000 } },
    pool: 'forks',
    setupFiles: setups.length > 0 ? [resolve(import.meta.dirname, 'helpers/fileSetup.ts')] : [],
    globalSetup: setups.map((setup) => resolve(import.meta.dirname, `helpers/${setup}Setup.ts`)),
  },
});

/**
 * A test runs on both databases where its subject is SQL (`test/sql`), and on yours too, where TEST_DATABASE_URL names it.
 * Every other test runs once.
 */
export default defineConfig({
  root,
  test: {
    reporters: ['default', resolve(import.meta.dirname, 'helpers/countReporter.ts')],
    // Three for two cores: half of what tests in a browser and of processes take is waiting.
    maxWorkers: 3,
    sequence: { sequencer: SlowestFirst },
    projects: [
      ...(hasChromium ? [project('browser', { folder: 'browser', setups: ['embedded'], isolate: false })] : []),
      // The last setup names the database of `testApp`; processes run on either database.
      project('process', {
        folder: 'process',
        setups: ['embedded', 'postgres'],
        exclude: hasRedis ? [] : [WITH_REDIS],
        isolate: false,
      }),
      project('judges', {
        folder: 'judges',
        setups: ['embedded', 'judges', 'package'],
        exclude: [...(hasJava ? [] : [WITH_JAVA]), ...(hasChromium ? [] : WITH_CHROMIUM)],
      }),
      project('postgres', { folder: 'sql', setups: ['postgres'] }),
      project('separated', { folder: 'sql', files: SEPARATED, setups: ['separated'] }),
      project('embedded', { folder: 'sql', setups: ['embedded'], exclude: POSTGRES_ONLY }),
      ...(process.env.TEST_DATABASE_URL
        ? [project('external', { folder: 'sql', setups: ['external'], exclude: [...SIGNALLING, SUPERUSERS] })]
        : []),
      project('doors', { folder: 'doors', setups: ['postgres'], isolate: false }),
      // For `npm run test:quick` alone, which starts no server.
      project('quick', { folder: 'doors', setups: ['embedded'], isolate: false }),
      project('pure', { folder: 'pure' }),
    ],
  },
});
