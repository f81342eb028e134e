import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono } from 'hono';
import { PATHS } from '../../../shared/paths.ts';
import { methodNotAllowed } from '../../http/errors.ts';
import type { Context } from '../../procedures/context.ts';
import { commonHeaders } from '../answer.ts';
import { pageHeaders } from './pageHeaders.ts';

const BUILT = resolve(import.meta.dirname, '../../../client/dashboard/dist');
/** Stands in the built page where each answer puts a fresh nonce: the nonce allows the page's own styles. */
const NONCE = '__CSP_NONCE__';
/** Stands where the page learns whether, and at which host name, people sign in with passkeys. */
const PASSKEY_HOST = '__PASSKEY_HOST__';

const NOT_BUILT = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Introzy</title>
<h1>The dashboard is not built</h1><p>Build it with <code>npm run build</code>, then load this page again. The API works.</p></html>`;

/** The dashboard's document, at each of its addresses, and the files that the document loads. */
export function createDashboard() {
  const index = join(BUILT, 'index.html');
  const html = existsSync(index) ? readFileSync(index, 'utf8') : undefined;
  const app = new Hono<{ Variables: { context: Context } }>();
  for (const path of Object.values(PATHS)) {
    app.get(path, (c) => {
      const nonce = randomBytes(16).toString('base64url');
      const policy = { 'style-src': `'self' 'nonce-${nonce}'`, 'font-src': "'self'", 'form-action': "'self'" };
      const headers = { ...pageHeaders(policy), ...commonHeaders(c.get('context')) };
      if (html === undefined) return c.html(NOT_BUILT, 503, headers);
      const { passkeyHost = '' } = c.get('context').deps;
      return c.html(html.replaceAll(NONCE, nonce).replace(PASSKEY_HOST, passkeyHost), 200, headers);
    });
    app.all(path, () => {
      throw methodNotAllowed(['GET']);
    });
  }
  if (html === undefined) return app;
  app.use('/assets/*', async (c, next) => {
    await next();
    const headers = commonHeaders(c.get('context'));
    // The name of an asset holds a hash of its content, so that a browser may keep the asset for ever.
    if (c.res.ok) headers['Cache-Control'] = 'public, max-age=31536000, immutable';
    for (const [name, value] of Object.entries(headers)) c.header(name, value);
  });
  app.use('/assets/*', serveStatic({ root: BUILT }));
  return app;
}
