import { MCP_HEADERS } from './mcp.ts';
import type { TestApp } from './testApp.ts';

export interface Refusal {
  path: (string | number)[];
  message: string;
}
/** What a door answers to a write: the contact's id, or the first issue. */
export type Written = { id: string } | Refusal;

/** How a contact's fields are written. Only with `merge` does an upsert take nothing away. */
export type Procedure = 'create' | 'update' | 'updateMany' | 'upsert' | 'merge';

/** The fields as JSON text: only so can a test send a number that JavaScript would round. */
interface Write {
  app: TestApp;
  procedure: Procedure;
  /** The id of the contact to update. */
  id: string;
  fields: string;
}

const rowOf = ({ procedure, fields }: Write) =>
  `{"contacts":[${fields}],"merge":${procedure === 'merge' ? 'true' : 'false'}}`;
const withId = ({ id, fields }: Write) => fields.replace(/^\{/, `{"id":"${id}",`);

// biome-ignore lint/suspicious/noExplicitAny: the answer of any procedure
type Data = any;

/** A change of many that changes the contact alone. */
const manyOf = ({ id, fields }: Write) => `{"where":{"ids":["${id}"]},"set":${fields}}`;

function idOf(data: Data, { id }: Write): Written {
  if ('matched' in data) return data.matched === 1 ? { id } : data;
  return 'results' in data ? ofRow(data.results[0]) : (data.contact ?? data);
}
const ofRow = (row: Data): Written => {
  if (row.outcome !== 'failed') return { id: row.id };
  // MCP tells a model in words: "Invalid request: company: Must be text. Nothing was written. …"
  const [, path = '', message] = /^Invalid request: (?:([^:]+): )?(.*)\. Nothing was written/s.exec(row.error) ?? [];
  return row.issues?.[0] ?? { path: path.split('.'), message };
};

async function overTrpc(write: Write): Promise<Written> {
  const { app, procedure } = write;
  const [name, json] = {
    create: ['create', write.fields],
    update: ['update', withId(write)],
    updateMany: ['updateMany', manyOf(write)],
    upsert: ['upsertMany', rowOf(write)],
    merge: ['upsertMany', rowOf(write)],
  }[procedure] as [string, string];
  const { body } = await app.api(app.one.key, 'POST', `/trpc/contacts.${name}`, `{"json":${json}}`);
  return body.error ? body.error.json.data.details.issues[0] : idOf(body.result.data.json, write);
}

async function overRest(write: Write): Promise<Written> {
  const { app, procedure, id, fields } = write;
  const [method, path, json] = {
    create: ['POST', '/api/contacts', fields],
    update: ['PATCH', `/api/contacts/${id}`, fields],
    updateMany: ['POST', '/api/contacts/update', manyOf(write)],
    upsert: ['POST', '/api/contacts/batch', rowOf(write)],
    merge: ['POST', '/api/contacts/batch', rowOf(write)],
  }[procedure] as [string, string, string];
  const { body } = await app.api(app.one.key, method, path, json);
  return body.success ? idOf(body.data, write) : body.details.issues[0];
}

async function overMcp(write: Write): Promise<Written> {
  const { app, procedure } = write;
  const [name, json] = {
    create: ['create_contact', write.fields],
    update: ['update_contact', withId(write)],
    updateMany: ['update_contacts', manyOf(write)],
    upsert: ['upsert_contacts', rowOf(write)],
    merge: ['upsert_contacts', rowOf(write)],
  }[procedure] as [string, string];
  const call = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${name}","arguments":${json}}}`;
  const { body } = await app.api(app.one.key, 'POST', '/mcp', call, MCP_HEADERS);
  const { isError, structuredContent, _meta } = body.result;
  return isError ? _meta['introzy/error'].details.issues[0] : idOf(structuredContent, write);
}

const readRest = async (app: TestApp, id: string): Promise<Data> =>
  (await app.api(app.one.key, 'GET', `/api/contacts/${id}`)).body.data;
const readTrpc = (app: TestApp, id: string): Promise<Data> => app.trpc(app.one.key).contacts.get.query({ id });

/** Each door writes, and another door reads what was kept. */
export const VALUE_DOORS = {
  tRPC: { write: overTrpc, read: readRest },
  REST: { write: overRest, read: readTrpc },
  MCP: { write: overMcp, read: readRest },
};
