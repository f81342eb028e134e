import type { HttpBindings } from '@hono/node-server';
import { getTRPCErrorFromUnknown, type TRPCError } from '@trpc/server';
import { Hono } from 'hono';
import { ping } from '../../db/open.ts';
import { redactKeys } from '../../shared/keyFormat.ts';
import { AUTH_PATH } from '../auth/accounts.ts';
import { isSentTwice, SENT_TWICE } from '../auth/bearer.ts';
import { badRequest, describeError, fault, translateFault } from '../http/errors.ts';
import { type Context, createContext } from '../procedures/context.ts';
import type { Deps } from '../start/deps.ts';
import { answerAccounts } from './accounts.ts';
import { toAnswer, toErrorAnswer } from './answer.ts';
import { answerMcp, MCP_PATH } from './mcp/handler.ts';
import { createDashboard } from './pages/dashboard.ts';
import { createReference } from './pages/reference.ts';
import { answerRest } from './rest/handler.ts';
import { routes } from './rest/routes.ts';
import { answerTrpc, TRPC_PATH, toTrpcErrorAnswer } from './trpc.ts';

type Env = { Bindings: Partial<HttpBindings>; Variables: { context: Context } };

/** The whole service, as a Hono app: its `fetch` answers any request. */
export function createApp(deps: Deps) {
  const app = new Hono<Env>();

  app.use(async (c, next) => {
    const startedAt = performance.now();
    const context = createContext(deps, c.req.raw, c.env?.incoming?.socket.remoteAddress);
    c.set('context', context);
    if (isSentTwice(c.env?.incoming?.rawHeaders ?? [])) {
      const toAnswerOfDoor = c.req.path.startsWith(`${TRPC_PATH}/`) ? toTrpcErrorAnswer : toErrorAnswer;
      c.res = toAnswerOfDoor(badRequest(SENT_TWICE), context);
    } else await next();
    const { identity } = context.seen;
    deps.log.info({
      requestId: context.requestId,
      method: c.req.method,
      path: redactPath(c.req.path),
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
    const error = translateFault(getTRPCErrorFromUnknown(cause));
    onError(context)(error);
    return toErrorAnswer(error, context);
  });
  app.notFound((c) =>
    toErrorAnswer(fault('NOT_FOUND', { message: 'There is nothing at this address' }), c.get('context')),
  );

  for (const [path, some] of Map.groupBy(routes, ({ path }) => path)) {
    for (const route of some) {
      app.on(route.method, toHonoPath(path), (c) => {
        const context = c.get('context');
        const id = c.req.param('id');
        return answerRest({ route, request: c.req.raw, id, context, onError: onError(context) });
      });
    }
    // Before the paths that follow, of which one may match this one as an id.
    app.all(toHonoPath(path), (c) => toErrorAnswer(notAllowed(some.map(({ method }) => method)), c.get('context')));
  }
  app.all(`${TRPC_PATH}/*`, (c) => {
    const context = c.get('context');
    return answerTrpc(c.req.raw, { context, onError: onError(context) });
  });
  app.post(MCP_PATH, (c) => {
    const context = c.get('context');
    return answerMcp(c.req.raw, { context, onError: onError(context) });
  });
  app.all(MCP_PATH, (c) => toErrorAnswer(notAllowed(['POST']), c.get('context')));
  app.all(`${AUTH_PATH}/*`, (c) =>
    answerAccounts(c.req.raw, { path: c.req.path.slice(AUTH_PATH.length), context: c.get('context') }),
  );
  app.get('/livez', (c) => toAnswer({ status: 'alive' }, c.get('context')));
  app.get('/readyz', async (c) => {
    if (deps.draining.signal.aborted) throw fault('SERVICE_UNAVAILABLE', { headers: { 'Retry-After': '1' } });
    await ping(deps.db);
    return toAnswer({ status: 'ready' }, c.get('context'));
  });
  app.route('/', createReference(deps.publicUrl));
  app.route('/', createDashboard(deps.publicUrl));
  app.on('ALL', ['/livez', '/readyz'], (c) => toErrorAnswer(notAllowed(['GET']), c.get('context')));
  return app;
}

/** A path without what opens something: a key, an invitation. */
const redactPath = (path: string) => redactKeys(path).replace(INVITATION, '/invitations/…');
const INVITATION = /^\/invitations\/.*/s;

const toHonoPath = (path: string) => path.replaceAll('{id}', ':id');

function notAllowed(methods: string[]) {
  const allowed = methods.includes('GET') ? [...methods, 'HEAD'] : methods;
  return fault('METHOD_NOT_SUPPORTED', { headers: { Allow: allowed.join(', ') } });
}
