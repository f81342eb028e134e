import { resolve } from 'node:path';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

const root = resolve(import.meta.dirname, '..');

/** Tests that signal PostgreSQL's processes, which must be ours and on this machine. */
const SIGNALLING = ['test/outage.test.ts', 'test/stall.test.ts'];
const POSTGRES_ONLY = [...SIGNALLING, 'test/prepared.test.ts', 'test/dump.test.ts', 'test/deadline.test.ts'];

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
      project('embedded', 'embeddedSetup.ts', POSTGRES_ONLY),
      project('postgres', 'postgresSetup.ts'),
      ...(process.env.TEST_DATABASE_URL ? [project('external', 'externalSetup.ts', SIGNALLING)] : []),
    ],
  },
});
