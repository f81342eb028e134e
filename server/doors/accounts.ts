import { TRPCError } from '@trpc/server';
import { z } from 'zod';
import { pathToKey } from '../../shared/json.ts';
import { Id, isStorable, MailAddress, STORABLE, soughtName, soughtText, WITHOUT_KEY } from '../../shared/text.ts';
import { readJson } from '../http/body.ts';
import { fault, noSuchAddress } from '../http/errors.ts';
import { findForgery } from '../http/sameOrigin.ts';
import type { Context, Deps } from '../procedures/context.ts';
import { openInvitation, repeatAcceptance } from '../procedures/openedInvitations.ts';
import { toTrpcError } from '../procedures/outcome.ts';
import { commonHeaders } from './answer.ts';
import { CLOSED_FIELD, closedFieldsOf, withoutClosedFields } from './closedFields.ts';

export const ACCOUNTS_PATH = '/api/auth';

/**
 * The paths of better-auth that the dashboard needs, with their methods. The other paths are closed. Members and
 * invitations have procedures of their own.
 */
const OPEN = new Map([
  ...['/get-session', '/list-sessions', '/organization/list'].map((path) => [path, 'GET'] as const),
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
  ].map((path) => [path, 'POST'] as const),
]);

/** The fields whose values better-auth keeps as a hash, or only compares. Every other field may be kept as text. */
const NEVER_KEPT = new Set(['password', 'newPassword', 'currentPassword', 'token']);

/** The rules that every body must keep. better-auth checks the rules of each path. */
const AccountRequest = z
  .looseObject({
    name: soughtName(100).optional(),
    email: soughtText(320).optional(),
    organizationId: Id.nullish(),
    /** The token from the mail of the invitation. better-auth gets the invitation's id instead. */
    invitationId: Id.optional(),
  })
  .superRefine((body, { addIssue }) => {
    const closed = closedFieldsOf(body);
    for (const [name, value] of Object.entries(body)) {
      if (typeof value === 'string' && !isStorable(value))
        addIssue({ code: 'custom', path: [name], message: STORABLE });
      const path = NEVER_KEPT.has(name) ? undefined : pathToKey(value);
      if (path) addIssue({ code: 'custom', path: [name, ...path], message: WITHOUT_KEY });
      else if (closed.includes(name)) addIssue({ code: 'custom', path: [name], message: CLOSED_FIELD });
    }
  });

/** A new account's address must be an address. An older account signs in with the address that it has. */
const SignUpRequest = AccountRequest.pipe(
  z.looseObject({ email: MailAddress.optional(), invitationId: Id.optional() }),
);

async function readBody(request: Request, { path, deps }: { path: string; deps: Deps }): Promise<Body> {
  const schema: z.ZodType<Body> = path === '/sign-up/email' ? SignUpRequest : AccountRequest;
  const { success, data, error } = schema.safeParse((await readJson(request)) ?? {});
  if (!success) throw new TRPCError({ code: 'BAD_REQUEST', cause: error });
  return await openInvitation(deps, data);
}

interface Body {
  invitationId?: string | undefined;
}

/** Answers a request about accounts. `path` begins below `/api/auth`: `/sign-in/email`. Throws a `TRPCError`. */
export async function answerAccounts(request: Request, { path, context }: { path: string; context: Context }) {
  const method = OPEN.get(path);
  if (!method) throw noSuchAddress();
  const isAllowed = request.method === method || (request.method === 'HEAD' && method === 'GET');
  if (!isAllowed) throw fault('METHOD_NOT_SUPPORTED', { headers: { Allow: method } });
  const { deps, source } = context;
  // Without a cookie too: a foreign page that signs a person in to another person's account would do harm as well.
  const forgery = findForgery(request, deps.publicUrl);
  if (forgery) throw forgery;
  const body = method === 'POST' ? await readBody(request, { path, deps }) : undefined;
  try {
    const handled = await deps.accounts.handle(
      new Request(request.url, { method, headers: request.headers, ...(body && { body: JSON.stringify(body) }) }),
      source.address,
    );
    const id = path === '/organization/accept-invitation' && !handled.ok ? body?.invitationId : undefined;
    const again = id === undefined ? undefined : await repeatAcceptance(deps, { id, headers: request.headers });
    const answer = await withoutClosedFields(again ?? handled);
    for (const [name, value] of Object.entries(commonHeaders(context))) answer.headers.set(name, value);
    return answer;
  } catch (thrown) {
    throw toTrpcError(thrown);
  }
}
