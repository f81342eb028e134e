import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { routes } from '../../server/doors/rest/routes.ts';
import { makeTargets } from '../helpers/cases.ts';
import type { TestApp } from '../helpers/testApp.ts';

// biome-ignore lint/suspicious/noExplicitAny: a description in JSON, taken apart
type Json = any;

/**
 * The description in a form from which Specmatic can make requests up. Patterns replace opaque texts and rules that
 * JSON Schema cannot express. Conditions on a version are removed, as Specmatic cannot know a version. Rows to upsert
 * may be anything, as a bad row does not make a bad request.
 */
export function prepare(document: Json): Json {
  const prepared: Json = structuredClone(document);
  // Would revoke the key with which Specmatic calls.
  delete prepared.paths['/api/keys/current'].delete;
  for (const operation of Object.values<Json>(prepared.paths).flatMap((path) => Object.values<Json>(path))) {
    const { parameters = [] } = operation;
    const cursor = parameters.find(({ name }: Json) => name === 'cursor');
    // The pattern of a UUIDv7 in base64url.
    if (cursor) cursor.schema.pattern = '^[a-z]{8}c[a-z][CGK][a-z]{10}[AQgw]$';
    // Specmatic would send one idempotency key with many requests, each of which is another.
    const left = ['If-Match', 'If-None-Match', 'expectedVersion', 'Idempotency-Key'];
    operation.parameters = parameters.filter(({ name }: Json) => !left.includes(name));
  }
  // Specmatic sends each selection of an operation's optional parameters: lists and counts, whose conditions are the same,
  // share the conditions. A cursor is of a sort, so that the list has no other sort.
  const keep = (path: string, isKept: (name: string) => boolean) => {
    const { get } = prepared.paths[path];
    get.parameters = get.parameters.filter(({ name }: Json) => isKept(name));
  };
  // No pattern tells a phone or a custom field apart from other texts.
  const ofCounts = new Set(['search', 'tags', 'company', 'ids', 'createdSince']);
  keep('/api/contacts', (name) => !['sort', 'phone', 'customField'].includes(name) && !ofCounts.has(name));
  keep('/api/contacts/count', (name) => ofCounts.has(name));
  keep('/api/contacts/tags', (name) => name !== 'cursor');
  // JSON Schema has no words for a call that must ask for something, nor for actions that exclude each other.
  const asked = prepared.paths['/api/contacts/get'].post.requestBody;
  asked.required = true;
  asked.content['application/json'].schema = {
    type: 'object',
    properties: { ids: { type: 'array', minItems: 1, items: { type: 'string', format: 'uuid' } } },
    required: ['ids'],
  };
  const changed = prepared.paths['/api/contacts/update'].post.requestBody.content['application/json'].schema;
  const { where, set } = changed.properties;
  changed.properties = { where, set };
  changed.required = ['where', 'set'];
  set.required = ['name'];
  where.required = ['tag'];
  delete where.properties.phone;
  delete where.properties.customField;
  for (const properties of propertiesWithin(prepared)) {
    const { email, linkedinUrl, contacts, allowedAddresses, rateLimit } = properties;
    if (linkedinUrl?.format) linkedinUrl.pattern = '^https://[a-z]{3,9}[.]com:[1-9]{2}$';
    if (email?.format) properties.email = { anyOf: [{ ...email, type: 'string' }, { type: 'null' }] };
    if (contacts?.items) contacts.items = {};
    if (allowedAddresses?.items) allowedAddresses.items.pattern = '^(203[.]0[.]113|10[.][1-9]{2}[.][1-9]{2})[.]0/24$';
    // The rate of the test's service, which is the most.
    if (rateLimit) rateLimit.maximum = 1_000_000;
    delete properties.expectedVersion;
  }
  return prepared;
}

/** The properties of every object schema within a part of the description. */
function propertiesWithin(node: Json): Json[] {
  if (typeof node !== 'object' || node === null) return [];
  return [...(node.properties ? [node.properties] : []), ...Object.values(node).flatMap(propertiesWithin)];
}

/** Writes an example request for each route with an `{id}`, with the id of an existing row. */
export async function writeExamples(app: TestApp, document: Json, directory: string) {
  await mkdir(directory);
  for (const { method, path, procedure, body, status = 200 } of routes.filter((route) => route.path.includes('{id}'))) {
    const targets = await makeTargets(app, app.one);
    const about = path.includes('/keys/') ? 'apiKey' : path.endsWith('/restore') ? 'deletedContact' : 'contact';
    const request = { method, path: path.replace('{id}', targets[about]), ...(body && { body }) };
    const { content } = document.paths[path][method.toLowerCase()].responses[status];
    const response = { status, body: content['application/json'].example };
    const example = { 'http-request': request, 'http-response': response };
    await writeFile(join(directory, `${procedure}.json`), JSON.stringify(example));
  }
}
