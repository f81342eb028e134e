import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono } from 'hono';
import { compress } from 'hono/compress';
import { PAGES } from '../../../shared/paths.ts';
import { fault } from '../../http/errors.ts';
import { type Context, commonHeaders } from '../../procedures/context.ts';
import { pageHeaders } from './pageHeaders.ts';

const BUILT = resolve(import.meta.dirname, '../../../client/dashboard/dist');
/** In the page, for the one that its styles are allowed by. */
const NONCE = '__CSP_NONCE__';

const NOT_BUILT = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Introzy</title>
<h1>The dashboard is not built</h1><p>Build it with <code>npm run build</code>, then load this page again. The API works.</p></html>`;

/** The web page, at each of its addresses, and its files. */
export function createDashboard(publicUrl: string) {
  const index = join(BUILT, 'index.html');
  const page = existsSync(index) ? readFileSync(index, 'utf8') : undefined;
  const app = new Hono<{ Variables: { context: Context } }>();
  for (const path of Object.values(PAGES)) {
    app.get(path, (c) => {
      const nonce = randomBytes(16).toString('base64url');
      const policy = { 'style-src': `'self' 'nonce-${nonce}'`, 'font-src': "'self'", 'form-action': "'self'" };
      const headers = { ...pageHeaders(publicUrl, policy), ...commonHeaders(c.get('context')) };
      if (page === undefined) return c.html(NOT_BUILT, 503, headers);
      return c.html(page.replaceAll(NONCE, nonce), 200, headers);
    });
    app.all(path, () => {
      throw fault('METHOD_NOT_SUPPORTED', { headers: { Allow: 'GET, HEAD' } });
    });
  }
  if (page === undefined) return app;
  // Their names change with what they hold.
  app.use('/assets/*', compress());
  app.use(
    '/assets/*',
    serveStatic({
      root: BUILT,
      onFound: (_, c) => {
        const headers = { ...commonHeaders(c.get('context')), 'Cache-Control': 'public, max-age=31536000, immutable' };
        for (const [name, value] of Object.entries(headers)) c.header(name, value);
      },
    }),
  );
  return app;
}
