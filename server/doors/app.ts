import type { HttpBindings } from '@hono/node-server';
import type { TRPCError } from '@trpc/server';
import { Hono } from 'hono';
import { getPath } from 'hono/utils/url';
import { redactKeys } from '../../shared/keyFormat.ts';
import { isPreflight } from '../http/cors.ts';
import { badRequest, describeError, methodNotAllowed, noSuchAddress } from '../http/errors.ts';
import { type Context, createContext, type Deps } from '../procedures/context.ts';
import { toTrpcError } from '../procedures/outcome.ts';
import { requireReady } from '../procedures/ready.ts';
import { ACCOUNTS_PATH, answerAccounts } from './accounts.ts';
import { answerPreflight, toAnswer, toErrorAnswer } from './answer.ts';
import { acceptsGzip, gzipped } from './gzip.ts';
import { MCP_PATH } from './mcp/path.ts';
import { createDashboard } from './pages/dashboard.ts';
import { createReference } from './pages/reference.ts';
import { answerRest } from './rest/handler.ts';
import { routes } from './rest/routes.ts';
import { answerTrpc, TRPC_PATH, toTrpcErrorAnswer } from './trpc.ts';

type Env = { Bindings: Partial<HttpBindings>; Variables: { context: Context } };

/** The whole service, as a Hono app: `app.fetch` answers any request. */
export function createApp(deps: Deps) {
  const app = new Hono<Env>({ getPath: toPath });

  app.use(async (c, next) => {
    const startedAt = performance.now();
    const { socket, rawHeaders } = c.env?.incoming ?? {};
    const { path } = c.req;
    const context = createContext(deps, c.req.raw, {
      path,
      remoteAddress: socket?.remoteAddress,
      rawHeaders,
      // The request's own signal would have the whole request made anew, as Node's `fetch` knows requests.
      isGone: socket && (() => socket.destroyed),
    });
    c.set('context', context);
    if (context.isAmbiguous) {
      const toAnswerOfDoor = path.startsWith(`${TRPC_PATH}/`) ? toTrpcErrorAnswer : toErrorAnswer;
      c.res = toAnswerOfDoor(badRequest('Authorization and Host may be sent once'), context);
    } else if (c.req.method === 'OPTIONS' && isPreflight(c.req.raw)) c.res = answerPreflight(c.req.raw, context);
    else await next();
    // Accounts have secrets too, such as the seed of a second factor.
    const showsSecret = context.seen.showsSecret || c.req.path.startsWith(ACCOUNTS_PATH);
    if (!showsSecret && acceptsGzip(c.req.raw.headers.get('accept-encoding'))) {
      const answer = await gzipped(c.res);
      // Hono would add the headers of the answer before to the answer that takes its place.
      c.res = undefined;
      c.res = answer;
    }
    const { identity } = context.seen;
    deps.log.info({
      requestId: context.requestId,
      method: c.req.method,
      path: redactPath(path),
      status: c.res.status,
      duration: Math.round((performance.now() - startedAt) * 1000) / 1000,
      [identity?.who.type === 'person' ? 'personId' : 'keyId']: identity?.who.id,
      organizationId: identity?.organizationId,
    });
  });

  const onError = (context: Context) => (error: TRPCError) => {
    if (describeError(error).status >= 500) deps.log.error({ requestId: context.requestId, err: error.cause ?? error });
  };
  app.onError((cause, c) => {
    const context = c.get('context');
    const error = toTrpcError(cause);
    onError(context)(error);
    return toErrorAnswer(error, context);
  });
  app.notFound((c) => toErrorAnswer(noSuchAddress(), c.get('context')));

  for (const [path, ofPath] of Map.groupBy(routes, (route) => route.path)) {
    for (const route of ofPath) {
      app.on(route.method, toHonoPath(path), (c) => {
        const context = c.get('context');
        const id = c.req.param('id');
        return answerRest({ route, request: c.req.raw, id, context, onError: onError(context) });
      });
    }
    // 405 stands before the next paths: another path, /api/contacts/{id}, would match /api/contacts/batch as well.
    const methods = ofPath.map(({ method }) => method);
    app.all(toHonoPath(path), (c) => toErrorAnswer(methodNotAllowed(methods), c.get('context')));
  }
  app.all(`${TRPC_PATH}/*`, (c) => {
    const context = c.get('context');
    return answerTrpc(c.req.raw, { context, onError: onError(context) });
  });
  app.post(MCP_PATH, async (c) => {
    const { answerMcp } = await import('./mcp/handler.ts');
    const context = c.get('context');
    return answerMcp(c.req.raw, { context, onError: onError(context) });
  });
  app.all(MCP_PATH, (c) => toErrorAnswer(methodNotAllowed(['POST']), c.get('context')));
  app.all(`${ACCOUNTS_PATH}/*`, (c) =>
    answerAccounts(c.req.raw, { path: c.req.path.slice(ACCOUNTS_PATH.length), context: c.get('context') }),
  );
  app.get('/livez', (c) => toAnswer({ status: 'alive' }, c.get('context')));
  app.get('/readyz', async (c) => {
    await requireReady(deps);
    return toAnswer({ status: 'ready' }, c.get('context'));
  });
  app.on('ALL', ['/livez', '/readyz'], (c) => toErrorAnswer(methodNotAllowed(['GET']), c.get('context')));
  app.route('/', createReference());
  app.route('/', createDashboard());
  return app;
}

/** The path for the log, without secrets: a key, or the id that opens an invitation. */
const redactPath = (path: string) => redactKeys(path).replace(INVITATION, '/invitations/…');
const INVITATION = /^\/invitations\/.*/s;

/** The path of a request. An address of REST may end in a slash: `/api/contacts/` is `/api/contacts`. */
function toPath(request: Request): string {
  const path = getPath(request);
  return path.endsWith('/') && path.startsWith('/api/') && !path.startsWith(ACCOUNTS_PATH) ? path.slice(0, -1) : path;
}

const toHonoPath = (path: string) => path.replaceAll('{id}', ':id');
