import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Hono } from 'hono';
import { methodNotAllowed, noSuchAddress } from '../../http/errors.ts';
import type { Context } from '../../procedures/context.ts';
import { commonHeaders } from '../answer.ts';
import { pageHeaders } from './pageHeaders.ts';

/** The OpenAPI document, as text, made at the first request. */
let document: string | undefined;
const readDocument = async () => (document ??= JSON.stringify((await import('../rest/openapi.ts')).createOpenApi()));

const DOCS = '/docs';
const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Introzy API reference</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${DOCS}/swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<script src="${DOCS}/swagger-ui-bundle.js"></script>
<script src="${DOCS}/reference.js"></script>
</body>
</html>
`;
/** No validator, as Swagger's runs on another host. A key that a reader enters stays in the page's memory. */
const SCRIPT = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
});
`;

interface Asset {
  type: string;
  body: string;
  etag: string;
}

const asset = (type: string, body: string): Asset => {
  return { type, body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` };
};
const ofSwaggerUi = (type: string, name: string) =>
  asset(type, readFileSync(fileURLToPath(import.meta.resolve(`swagger-ui-dist/${name}`)), 'utf8'));

/** The files of the page, by name; read at the first request. */
let assets: Record<string, Asset> | undefined;
const readAssets = () =>
  (assets ??= {
    'swagger-ui.css': ofSwaggerUi('text/css', 'swagger-ui.css'),
    'swagger-ui-bundle.js': ofSwaggerUi('text/javascript', 'swagger-ui-bundle.js'),
    'reference.js': asset('text/javascript', SCRIPT),
  });

/** `/openapi.json`, and `/docs`: Swagger UI, to read and to try the API. Everything comes from this host. */
export function createReference() {
  const app = new Hono<{ Variables: { context: Context } }>();
  app.get('/openapi.json', async (c) => {
    const headers = { 'Content-Type': 'application/json; charset=UTF-8', ...commonHeaders(c.get('context')) };
    return c.body(await readDocument(), 200, headers);
  });
  app.get(DOCS, (c) => c.html(PAGE, 200, { ...pageHeaders(), ...commonHeaders(c.get('context')) }));
  app.get(`${DOCS}/:name`, (c) => {
    const found = readAssets()[c.req.param('name')];
    if (!found) throw noSuchAddress();
    const headers = {
      ...commonHeaders(c.get('context')),
      'Cache-Control': 'public, max-age=3600',
      'Content-Type': `${found.type}; charset=UTF-8`,
      ETag: found.etag,
    };
    return c.body(found.body, 200, headers);
  });
  for (const path of ['/openapi.json', DOCS, `${DOCS}/:name`]) {
    app.all(path, () => {
      throw methodNotAllowed(['GET']);
    });
  }
  return app;
}
