import { getTRPCErrorFromUnknown } from '@trpc/server';
import { ADDRESS_HEADER } from './auth/accounts.ts';
import { findForgery } from './auth/sameOrigin.ts';
import { readText } from './body.ts';
import { type Context, commonHeaders } from './context.ts';
import { fault, translateFault } from './faults.ts';

/** What the dashboard needs of better-auth. The rest of it is closed: members, say, are the procedures'. */
const OPEN = new Set([
  ...['/get-session', '/list-sessions', '/organization/list', '/organization/get-invitation'].map(
    (path) => `GET ${path}`,
  ),
  ...[
    '/sign-in/email',
    '/sign-up/email',
    '/sign-out',
    '/request-password-reset',
    '/reset-password',
    '/change-password',
    '/update-user',
    '/revoke-session',
    '/revoke-sessions',
    '/revoke-other-sessions',
    '/organization/create',
    '/organization/set-active',
    '/organization/accept-invitation',
  ].map((path) => `POST ${path}`),
]);

/** Answers a request about accounts and sessions at `path`, below `/api/auth`. */
export async function answerAccounts(request: Request, { path, context }: { path: string; context: Context }) {
  if (!OPEN.has(`${request.method} ${path}`)) throw fault('NOT_FOUND', { message: 'There is nothing at this address' });
  const { deps, source } = context;
  // With or without a cookie: to be signed in as somebody else by a foreign page would do harm, too.
  const forgery = findForgery(request, deps.publicUrl);
  if (forgery) throw forgery;
  const headers = new Headers(request.headers);
  headers.delete(ADDRESS_HEADER);
  if (source.address !== undefined) headers.set(ADDRESS_HEADER, source.address);
  const body = request.method === 'POST' ? await readText(request) : undefined;
  try {
    const answer = await deps.accounts.handle(
      new Request(request.url, { method: request.method, headers, ...(body !== undefined && { body }) }),
    );
    for (const [name, value] of Object.entries(commonHeaders(context))) answer.headers.set(name, value);
    return answer;
  } catch (error) {
    throw translateFault(getTRPCErrorFromUnknown(error));
  }
}
