import { writeFile } from 'node:fs/promises';
import { dumpSchema, SCHEMA_FILE } from './helpers/schemaDump.ts';

/** Writes docs/schema.sql anew: `npm run schema`, after a new migration. */
await writeFile(SCHEMA_FILE, await dumpSchema());
