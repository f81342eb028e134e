import { randomUUID } from 'node:crypto';
import type { HttpBindings } from '@hono/node-server';
import { getTRPCErrorFromUnknown, type TRPCError } from '@trpc/server';
import { type Context as HonoContext, Hono } from 'hono';
import { sql } from 'kysely';
import { KEY_ANYWHERE, KEY_PREFIX } from '../shared/apiKeys.ts';
import { type Context, createContext } from './context.ts';
import type { Deps } from './deps.ts';
import { badRequest, describeError, fault, translateFault } from './faults.ts';
import { toErrorAnswer } from './rest/envelope.ts';
import { answerRest } from './rest/handler.ts';
import { type Route, routes } from './rest/routes.ts';
import { answerTrpc, TRPC_PATH } from './trpcDoor.ts';

type Env = { Bindings: Partial<HttpBindings>; Variables: { context: Context } };
type Request = HonoContext<Env>;

/** The whole service, as a Hono app: its `fetch` answers any request. */
export function createApp(deps: Deps) {
  const app = new Hono<Env>();

  app.use(async (c, next) => {
    const startedAt = performance.now();
    const context = createContext(deps, randomUUID(), c.req.header('authorization'));
    c.set('context', context);
    if (hasTwo(c, ['authorization', 'host'])) c.res = toErrorAnswer(badRequest('Two Authorization or Host headers'));
    else await next();
    finish(c, context);
    const { identity } = context.seen;
    deps.log.info({
      requestId: context.requestId,
      method: c.req.method,
      path: redact(c.req.path),
      status: c.res.status,
      duration: Math.round((performance.now() - startedAt) * 1000) / 1000,
      keyId: identity?.keyId,
      organizationId: identity?.organizationId,
    });
  });

  const onError = (context: Context) => (error: TRPCError) => {
    if (describeError(error).status >= 500) deps.log.error({ requestId: context.requestId, err: error.cause ?? error });
  };
  app.onError((error, c) => {
    const trpcError = translateFault(getTRPCErrorFromUnknown(error));
    onError(c.get('context'))(trpcError);
    return toErrorAnswer(trpcError);
  });
  app.notFound(() => toErrorAnswer(fault('NOT_FOUND', { message: 'There is nothing at this address' })));

  for (const route of routes) {
    app.on(route.method, toHonoPath(route.path), (c) => {
      const context = c.get('context');
      const id = c.req.param('id');
      return answerRest({ route, request: c.req.raw, id, query: c.req.queries(), context, onError: onError(context) });
    });
  }
  for (const [path, some] of Map.groupBy(routes, ({ path }) => path)) {
    app.all(toHonoPath(path), () => toErrorAnswer(notAllowed(some)));
  }
  app.all(`${TRPC_PATH}/*`, (c) => {
    const context = c.get('context');
    return answerTrpc(c.req.raw, { context, onError: onError(context) });
  });
  app.get('/livez', (c) => c.json({ success: true, data: { status: 'alive' } }));
  app.get('/readyz', async (c) => {
    if (deps.isDraining) throw fault('SERVICE_UNAVAILABLE', { headers: { 'Retry-After': '1' } });
    await sql`select 1`.execute(deps.db.root);
    return c.json({ success: true, data: { status: 'ready' } });
  });
  return app;
}

const toHonoPath = (path: string) => path.replaceAll('{id}', ':id');

function notAllowed(some: Route[]) {
  const methods = some.map(({ method }) => method);
  if (methods.includes('GET')) methods.push('HEAD' as never);
  return fault('METHOD_NOT_SUPPORTED', { headers: { Allow: methods.join(', ') } });
}

/** True where a header came more than once; only the connection's own list still tells. */
function hasTwo(c: Request, names: string[]): boolean {
  const raw = c.env?.incoming?.rawHeaders ?? [];
  return names.some((name) => raw.filter((header, index) => index % 2 === 0 && header.toLowerCase() === name).length > 1);
}

/** What every answer carries. */
function finish(c: Request, { requestId, seen: { rate } }: Context) {
  const { headers } = c.res;
  headers.set('Cache-Control', 'no-store');
  headers.set('X-Request-Id', requestId);
  headers.set('X-Content-Type-Options', 'nosniff');
  if (rate) {
    // draft-ietf-httpapi-ratelimit-headers: q calls in w seconds; r are left, for t seconds.
    headers.set('RateLimit-Policy', `"default";q=${rate.limit};w=60`);
    headers.set('RateLimit', `"default";r=${rate.remaining};t=${rate.reset}`);
  }
}

/** A path as it may be logged: keys do not belong in one, but people put them there. */
const redact = (path: string) => (path.includes(KEY_PREFIX) ? path.replace(KEY_ANYWHERE, `${KEY_PREFIX}…`) : path);
