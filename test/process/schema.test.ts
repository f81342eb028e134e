import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { dumpRestored, dumpSchema, SCHEMA_FILE } from '../helpers/schemaDump.ts';

test('docs/schema.sql is the schema of a freshly migrated database', async () => {
  const written = await readFile(SCHEMA_FILE, 'utf8');
  expect(written, 'The migrations make another schema: npm run schema, then read the diff').toBe(await dumpSchema());
});

test('docs/schema.sql lacks nothing: an empty database becomes the same by it', async () => {
  const written = await readFile(SCHEMA_FILE, 'utf8');
  expect(await dumpRestored(written)).toBe(written);
});
