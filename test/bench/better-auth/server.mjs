// The service as most people would build it by hand: Hono, better-auth's API-key plugin, Kysely. Prints its port and a
// key. Arguments: the PostgreSQL's URL, the organization's id.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { createAuth } from './auth.mjs';

const [, , url, organizationId] = process.argv;
const pool = new pg.Pool({ connectionString: url, max: 10 });
const { auth, key } = await createAuth(pool);
const db = new Kysely({ dialect: new PostgresDialect({ pool }) });

const app = new Hono();
app.get('/api/contacts', async (context) => {
  const [, sent = ''] = /^Bearer (\S+)$/i.exec(context.req.header('authorization') ?? '') ?? [];
  const { valid } = await auth.api.verifyApiKey({ body: { key: sent } });
  if (!valid) return context.json({ success: false, error: 'API key authentication failed' }, 401);
  const contacts = await db
    .selectFrom('contacts')
    .select(['id', 'organization_id as organizationId', 'name', 'email', 'phone', 'company', 'title', 'location'])
    .select(['linkedin_url as linkedinUrl', 'notes', 'tags', 'custom_fields as customFields'])
    .select(['created_at as createdAt', 'updated_at as updatedAt', 'deleted_at as deletedAt', 'version'])
    .where('organization_id', '=', organizationId)
    .where('deleted_at', 'is', null)
    .orderBy('id', 'desc')
    .limit(50)
    .execute();
  return context.json({ success: true, data: contacts });
});
serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => console.log(`${port} ${key}`));
