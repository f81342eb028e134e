import { PGlite } from '@electric-sql/pglite';
import { btree_gin } from '@electric-sql/pglite/contrib/btree_gin';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';
import { serveBare } from './bare.ts';

/**
 * The server that the service on the embedded database is compared with: node:http and PGlite; no key check, no
 * validation. Arguments: the directory of a database of the service's, which no other process may use, organization id.
 */
const [, , directory = '', organizationId = ''] = process.argv;
const database = await PGlite.create({ dataDir: directory, extensions: { btree_gin, pg_trgm } });

/** The service's query of a page of 50: documents as text, and a contact more, which begins the next page. */
const LIST = `
  select string_agg(document, E',\\n') as documents, count(*)::int as count from (
    select document from contacts
      where organization_id = $1 and id <= 'ffffffff-ffff-ffff-ffff-ffffffffffff' and deleted_at is null
      order by id desc limit $2::int + 1
  ) page`;

serveBare({
  '/list': async () => {
    const { rows } = await database.query<{ documents: string }>(LIST, [organizationId, 50]);
    return `[${rows[0]?.documents}]`;
  },
});
