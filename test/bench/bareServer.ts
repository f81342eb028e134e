import { createServer, type ServerResponse } from 'node:http';
import pg from 'pg';

/**
 * The server that the service is compared with: node:http, a pool of ten connections, prepared queries by name; no key
 * check, no validation. Prints the port. Arguments: database URL, organization id, the key's digest in hexadecimal.
 */
const [, , url = '', organizationId = '', digest = ''] = process.argv;
const pool = new pg.Pool({ connectionString: url, max: 10 });
const key = Buffer.from(digest, 'hex');

const LIST = `select id, organization_id as "organizationId", name, email, phone, company, title, location,
  linkedin_url as "linkedinUrl", notes, tags, custom_fields as "customFields", created_at as "createdAt",
  updated_at as "updatedAt", deleted_at as "deletedAt", version
  from contacts where organization_id = $1 and id <= $2 and (deleted_at is null or $3) order by id desc limit $4`;
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
const KEY =
  'select organization_id, api_key_id, secret_id, created_at, expires_at from api_key_secrets where digest = $1';

const handlers: Record<string, () => Promise<unknown>> = {
  '/list': async () =>
    (await pool.query({ name: 'list', text: LIST, values: [organizationId, LAST_ID, false, 50] })).rows,
  '/key': async () => (await pool.query({ name: 'key', text: KEY, values: [key] })).rows[0],
};

const send = (response: ServerResponse, value: unknown) => {
  const body = JSON.stringify({ success: true, data: value });
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
};

const server = createServer((request, response) => {
  const handle = handlers[request.url ?? ''];
  if (!handle) return response.writeHead(404).end();
  handle().then(
    (value) => send(response, value),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as { port: number }).port));
