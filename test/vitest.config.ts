import { resolve } from 'node:path';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { CHROMIUM, hasChromium } from './helpers/chromiumPath.ts';
import { hasJava } from './helpers/javaPath.ts';

const root = resolve(import.meta.dirname, '..');

/** Tests that signal PostgreSQL's processes, which must be ours and on this machine. */
const SIGNALLING = ['test/outage.test.ts', 'test/stall.test.ts'];
const POSTGRES_ONLY = [
  ...SIGNALLING,
  'test/prepared.test.ts',
  'test/wire.test.ts',
  'test/dump.test.ts',
  'test/deadline.test.ts',
];

/** Tests in a browser, on the embedded database alone: what the dashboard asks of it is tested on both. */
const IN_BROWSER = 'test/dashboard*.test.ts';
if (!hasChromium) {
  process.stdout.write(
    `There is no ${CHROMIUM}: ${IN_BROWSER} are left out. Install Debian's chromium, or set CHROMIUM.\n`,
  );
}

/** Needs Java; on the embedded database alone, as it is about what REST says. */
const WITH_JAVA = 'test/openapiContract.test.ts';
if (!hasJava) {
  process.stdout.write(
    `There is no Java: ${WITH_JAVA} (Specmatic) is left out. Install Debian's default-jre-headless.\n`,
  );
}
/** Builds the package in its place: once at a time. */
const PACKAGE = 'test/clientPackage.test.ts';
/** About no database. */
const INSTALLATION = 'test/install.test.ts';
const EMBEDDED_ONLY = [IN_BROWSER, WITH_JAVA, PACKAGE, INSTALLATION];

const project = (name: string, globalSetup: string, exclude: string[] = []): TestProjectInlineConfiguration => ({
  root,
  test: {
    name,
    include: ['test/*.test.ts'],
    exclude,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    globalSetup: resolve(import.meta.dirname, 'helpers', globalSetup),
  },
});

/** The same suite on each database; on yours too, where TEST_DATABASE_URL names one. */
export default defineConfig({
  root,
  test: {
    reporters: ['default', resolve(import.meta.dirname, 'helpers/countReporter.ts')],
    projects: [
      project('embedded', 'embeddedSetup.ts', [
        ...POSTGRES_ONLY,
        ...(hasChromium ? [] : [IN_BROWSER]),
        ...(hasJava ? [] : [WITH_JAVA]),
      ]),
      project('postgres', 'postgresSetup.ts', EMBEDDED_ONLY),
      ...(process.env.TEST_DATABASE_URL
        ? [project('external', 'externalSetup.ts', [...SIGNALLING, ...EMBEDDED_ONLY])]
        : []),
    ],
  },
});
