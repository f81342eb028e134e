import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Each file starts servers of its own, so that files run one after the other. */
export default defineConfig({
  root: resolve(import.meta.dirname, '../..'),
  test: {
    include: ['test/cluster/*.test.ts'],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: 'forks',
    fileParallelism: false,
    reporters: ['default', resolve(import.meta.dirname, '../helpers/countReporter.ts')],
  },
});
