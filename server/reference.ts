import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Hono } from 'hono';
import { compress } from 'hono/compress';
import { type Context, commonHeaders } from './context.ts';
import { fault } from './faults.ts';
import { createOpenApi } from './rest/openapi.ts';

/** The description of the REST routes, as it is served; made when it is first asked for. */
let document: string | undefined;
const readDocument = () => (document ??= JSON.stringify(createOpenApi()));

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
/** No validator: it would be another host's. The key that a reader gives stays in the page's memory. */
const SCRIPT = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
});
`;

const readAsset = (name: string) => readFileSync(fileURLToPath(import.meta.resolve(`swagger-ui-dist/${name}`)), 'utf8');
/** What the page is made of, by the name that it is loaded under. */
const assets: Record<string, { type: string; read(): string }> = {
  'swagger-ui.css': { type: 'text/css', read: () => readAsset('swagger-ui.css') },
  'swagger-ui-bundle.js': { type: 'text/javascript', read: () => readAsset('swagger-ui-bundle.js') },
  'reference.js': { type: 'text/javascript', read: () => SCRIPT },
};

/** `/openapi.json`, and `/docs`: a page to read it and to try it, of Swagger UI, from this host alone. */
export function createReference() {
  const app = new Hono<{ Variables: { context: Context } }>();
  app.use('/openapi.json', compress());
  app.get('/openapi.json', (c) => {
    const headers = { 'Content-Type': 'application/json; charset=UTF-8', ...commonHeaders(c.get('context')) };
    return c.body(readDocument(), 200, headers);
  });
  app.get(DOCS, (c) => c.html(PAGE, 200, { ...pageHeaders, ...commonHeaders(c.get('context')) }));
  app.use(`${DOCS}/*`, compress());
  app.get(`${DOCS}/:name`, (c) => {
    const asset = assets[c.req.param('name')];
    if (!asset) throw fault('NOT_FOUND', { message: 'There is nothing at this address' });
    const body = asset.read();
    const headers = {
      ...commonHeaders(c.get('context')),
      'Cache-Control': 'public, max-age=3600',
      'Content-Type': `${asset.type}; charset=UTF-8`,
      ETag: `"${createHash('sha256').update(body).digest('base64url')}"`,
    };
    return c.body(body, 200, headers);
  });
  for (const path of ['/openapi.json', DOCS, `${DOCS}/:name`]) {
    app.all(path, () => {
      throw fault('METHOD_NOT_SUPPORTED', { headers: { Allow: 'GET, HEAD' } });
    });
  }
  return app;
}

const pageHeaders = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
};
