import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { serveBare } from './bare.ts';

/**
 * The server that the service is compared with: node:http, a pool of ten connections, prepared queries by name; no key
 * check, no validation. Arguments: database URL of a superuser, whom no row-level security holds, organization id, the
 * key's digest in hexadecimal, the id of a contact that the service has made.
 */
const [, , url = '', organizationId = '', digest = '', contactId = ''] = process.argv;
const pool = new pg.Pool({ connectionString: url, max: 10 });
const key = Buffer.from(digest, 'hex');

/** The columns of a contact, as the API names them. */
const CONTACT = `id, organization_id as "organizationId", name, email, phone, company, title, location,
  linkedin_url as "linkedinUrl", notes, tags, custom_fields as "customFields", created_at as "createdAt",
  updated_at as "updatedAt", deleted_at as "deletedAt", version`;
const LIST = `select ${CONTACT} from contacts
  where organization_id = $1 and id <= $2 and (deleted_at is null or $3) order by id desc limit $4`;
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
const KEY =
  'select organization_id, api_key_id, secret_id, created_at, expires_at from api_key_secrets where digest = $1';
const GET = `select ${CONTACT} from contacts where organization_id = $1 and id = $2`;

/** Columns that the service leaves to the database. */
const KEPT_BY_DATABASE = ['created_at', 'updated_at', 'deleted_at', 'version', 'search', 'document'];

// A new contact is the contact that the service made, with a new id: the same columns and values.
const found = await pool.query('select * from contacts where organization_id = $1 and id = $2', [
  organizationId,
  contactId,
]);
const given = Object.entries(found.rows[0] as Record<string, unknown>).filter(
  ([column, value]) => value !== null && column !== 'id' && !KEPT_BY_DATABASE.includes(column),
);
const INSERT = `insert into contacts (id, ${given.map(([column]) => column)})
  values ($1, ${given.map((_, index) => `$${index + 2}`)}) returning ${CONTACT}`;
const values = given.map(([, value]) => value);

const rows = async (name: string, text: string, parameters: unknown[]) =>
  (await pool.query({ name, text, values: parameters })).rows;
const row = async (...query: Parameters<typeof rows>) => JSON.stringify((await rows(...query))[0]);

serveBare({
  '/list': async () => JSON.stringify(await rows('list', LIST, [organizationId, LAST_ID, false, 50])),
  '/key': () => row('key', KEY, [key]),
  '/get': () => row('get', GET, [organizationId, contactId]),
  '/create': () => row('create', INSERT, [uuidv7(), ...values]),
});
