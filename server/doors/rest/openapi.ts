import { z } from 'zod';
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiResponseObject } from 'zod-openapi';
import { ApiKey } from '../../../shared/apiKeys.ts';
import { AuditEntry } from '../../../shared/audit.ts';
import { Contact, ListedContact, ShownRow, UpsertResult } from '../../../shared/contacts.ts';
import { documentedAs } from '../../../shared/documentedAs.ts';
import { ErrorEnvelope } from '../../../shared/errors.ts';
import { IDEMPOTENCY_KEY, LONGEST_IDEMPOTENCY_KEY, REPLAYED } from '../../../shared/idempotencyKey.ts';
import { KEY_PREFIX } from '../../../shared/keyFormat.ts';
import { procedures } from '../../procedures/call.ts';
import { objectOf, represent } from '../schemas.ts';
import { version } from '../version.ts';
import { COMMON_HEADERS, errorResponses, RATE_HEADERS, textHeader } from './errorResponses.ts';
import { CONTACT } from './examples.ts';
import { type Route, routes } from './routes.ts';

const DESCRIPTION = `An organization's contacts, and the API keys by which programs and agents reach them.

Answers are \`{"success":true,"data":…}\`; a list adds \`nextCursor\`. Errors are
\`{"success":false,"error":"…","details":{…}}\`, without \`details\` where there are none. Dates are ISO 8601 in UTC. An
input field that does not exist is refused. \`HEAD\` works wherever \`GET\` does.

The same procedures are at \`/trpc\` (tRPC, superjson) and at \`/mcp\` (Model Context Protocol), with the same key.`;

/** The REST routes in OpenAPI 3.1, made from the table of routes and the definitions of their procedures. */
export function createOpenApi() {
  return createDocument(
    {
      openapi: '3.1.0',
      info: { title: 'Introzy API', version, description: DESCRIPTION, license: { name: 'Proprietary', url: '/' } },
      servers: [{ url: '/', description: 'This service' }],
      tags: [
        { name: 'Contacts', description: 'The contacts of the organization' },
        { name: 'API keys', description: 'Their life: issued, rotated, revoked' },
        { name: 'Organization', description: 'The organization, and what was done in it' },
        { name: 'Service', description: 'For whoever runs it' },
      ],
      security: [{ apiKey: [] }],
      paths: {
        ...Object.fromEntries(
          [...Map.groupBy(routes, ({ path }) => path)].map(([path, ofPath]) => [
            path,
            Object.fromEntries(ofPath.map((route) => [route.method.toLowerCase(), toOperation(route)])),
          ]),
        ),
        '/livez': { get: probe('isAlive', 'Whether the process lives', { status: 'alive' }) },
        '/readyz': {
          get: probe('isReady', 'Whether it can serve: the database answers, and the service is not about to end', {
            status: 'ready',
          }),
        },
      },
      components: {
        schemas: {
          ...{ Contact, ListedContact, UpsertResult, ApiKey, AuditEntry, Error: ErrorEnvelope },
          ContactRow: ShownRow.meta({ unusedIO: 'input' }),
        },
        securitySchemes: {
          apiKey: {
            type: 'http',
            scheme: 'bearer',
            description: `An API key, \`${KEY_PREFIX}\` and 64 hexadecimal characters: in the \`Authorization\` header and nowhere else.`,
          },
        },
      },
    },
    // A pipe without an output: a row is a request's, and zod-openapi writes each component for answers too.
    { override, allowEmptySchema: { custom: true, pipe: { output: true } } },
  );
}

type Overridden = Parameters<NonNullable<NonNullable<Parameters<typeof createDocument>[1]>['override']>>[0];

/** A row that is not a contact fails alone: the request stays valid. */
const UPSERT_ROW = {
  anyOf: [{ $ref: '#/components/schemas/ContactRow' }, { description: 'Anything else: the row fails, alone' }],
};

/** Adds the parts that zod cannot give: dates as text, and the schemas that stand in for checks in code. */
function override({ zodSchema, jsonSchema, io }: Overridden) {
  const documented = documentedAs(zodSchema);
  if (documented === ShownRow) Object.assign(jsonSchema, UPSERT_ROW);
  else if (documented) {
    const within = z.toJSONSchema(documented, {
      io,
      unrepresentable: 'any',
      // The fields of a schema that stands in for another may be such schemas too.
      override: (inner) => override({ ...inner, io } as Overridden),
    });
    Object.assign(jsonSchema, { anyOf: undefined, allOf: undefined }, within, { $schema: undefined });
  }
  represent({ zodSchema, jsonSchema });
  // The format says the same as the pattern.
  if (jsonSchema.format === 'uuid' || jsonSchema.format === 'date-time') delete jsonSchema.pattern;
}

function toOperation(route: Route): ZodOpenApiOperationObject {
  const { tag, summary, description, errors = [] } = route;
  const { type, meta, input, output } = procedures[route.procedure];
  const isWrite = type === 'mutation';
  const words = [description, meta.scope && !route.id ? `Scope: \`${meta.scope}\`.` : 'Any key will do.'];
  const hasBody = route.method === 'POST' || route.method === 'PATCH';
  const ofBody = hasBody ? ([413, 415] as const) : [];
  const ofWrite = isWrite ? ([409, 422] as const) : [];
  const statuses = [...new Set([400, 401, 403, 405, ...errors, ...ofWrite, ...ofBody, 429, 431, 500, 503] as const)];
  return {
    operationId: route.operationId ?? route.procedure.replaceAll('.', '-'),
    tags: [tag],
    summary,
    description: words.filter(Boolean).join(' '),
    ...requestOf(route, { input: objectOf(documentedAs(input) ?? input), hasBody, isWrite }),
    responses: {
      [route.status ?? 200]: successOf(route, { output, isWrite }),
      ...(route.isRevalidated && { 304: NOT_MODIFIED }),
      ...Object.fromEntries(statuses.map((status) => [status, errorResponses[status]])),
    },
  };
}

const ETAG = { ETag: textHeader('The version, for `If-Match` and `If-None-Match`', '"1"') };

const NOT_MODIFIED: ZodOpenApiResponseObject = {
  description: 'The contact is at a version that `If-None-Match` names. Without a body',
  headers: { ...COMMON_HEADERS, ...RATE_HEADERS, ...ETAG },
};

interface Request {
  input: z.ZodObject;
  hasBody: boolean;
  isWrite: boolean;
}

/**
 * The places of the input's fields. An `id` that is not in the path is left out, and so is `organizationId`: only the
 * key's own organization is taken. `direction` is for tRPC.
 */
function requestOf(route: Route, { input, hasBody, isWrite }: Request): Partial<ZodOpenApiOperationObject> {
  const { organizationId: _, direction: __, id, expectedVersion, dryRun, ...shape } = input.shape;
  const isInPath = route.path.includes('{id}');
  const path = id && isInPath && z.object({ id: id instanceof z.ZodOptional ? id.unwrap() : id });
  const header = {
    ...(route.isConditional && { 'If-Match': tags('The `ETag` that the contact must have; of several, any') }),
    ...(route.isRevalidated && {
      'If-None-Match': tags('The `ETag` of a former answer, or several: 304 where it is the latest'),
    }),
    ...(isWrite && { [IDEMPOTENCY_KEY]: IDEMPOTENCY_PARAMETER }),
  };
  const more = hasBody && expectedVersion ? { ...shape, expectedVersion } : shape;
  const inQuery = dryRun && { dryRun };
  const query = z.strictObject(
    hasBody ? { ...inQuery } : { ...more, ...(expectedVersion && { expectedVersion }), ...inQuery },
  );
  const fields = z.strictObject(more);
  const isEmpty = Object.keys(fields.shape).length === 0;
  return {
    requestParams: {
      ...(path && { path }),
      ...(Object.keys(header).length > 0 && { header: z.object(header) }),
      ...(Object.keys(query.shape).length > 0 && { query }),
    },
    ...(hasBody &&
      !isEmpty && {
        requestBody: {
          required: !fields.safeParse({}).success,
          content: { 'application/json': { schema: fields, ...(route.body && { example: route.body }) } },
        },
      }),
  };
}

const tags = (description: string) => z.string().optional().meta({ description, example: '"3"' });

const IDEMPOTENCY_PARAMETER = z.string().min(1).max(LONGEST_IDEMPOTENCY_KEY).optional().meta({
  description:
    'Any text of your own, such as a random UUID, that is new for each write and the same when the write is sent again. For 24 hours the write is done once, and its answer is given again. After an answer that is not 2xx the key is unused; a dry run ignores it',
  example: '8f14e45f-ceea-467f-a8d6-9f3c1c2e7b6a',
});

function successOf(
  route: Route,
  { output, isWrite }: { output: z.ZodType; isWrite: boolean },
): ZodOpenApiResponseObject {
  const { summary, result } = route;
  const documented = documentedAs(output) ?? output;
  const { items, nextCursor } = objectOf(documented).shape;
  const isPage = items !== undefined;
  const schema = z.object({
    success: z.literal(true),
    ...(isPage ? { data: items, nextCursor: nextCursor as z.ZodType } : { data: documented }),
  });
  const page = result as { items: unknown; nextCursor: unknown };
  const example = isPage
    ? { success: true, data: page.items, nextCursor: page.nextCursor }
    : { success: true, data: result };
  return {
    description: summary,
    headers: {
      ...COMMON_HEADERS,
      ...RATE_HEADERS,
      ...(isWrite && { [REPLAYED]: textHeader('The answer was given before, for the same `Idempotency-Key`', 'true') }),
      ...(route.hasVersion && ETAG),
      ...(route.location && { Location: textHeader('Where it is', route.location(CONTACT.id)) }),
    },
    content: { 'application/json': { schema, example } },
  };
}

function probe(operationId: string, summary: string, data: { status: string }): ZodOpenApiOperationObject {
  const schema = z.object({ success: z.literal(true), data: z.object({ status: z.literal(data.status) }) });
  return {
    operationId,
    tags: ['Service'],
    summary,
    security: [],
    responses: {
      200: {
        description: summary,
        headers: COMMON_HEADERS,
        content: { 'application/json': { schema, example: { success: true, data } } },
      },
      405: errorResponses[405],
      431: errorResponses[431],
      500: errorResponses[500],
      ...(operationId === 'isReady' && { 503: errorResponses[503] }),
    },
  };
}
