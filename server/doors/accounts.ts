import { TRPCError } from '@trpc/server';
import { z } from 'zod';
import { stringifyExact } from '../../shared/exactJson.ts';
import { pathToKey } from '../../shared/json.ts';
import { MailAddress, SoughtName } from '../../shared/names.ts';
import { Id, isStorable, STORABLE, soughtText, WITHOUT_KEY } from '../../shared/text.ts';
import { readJson } from '../http/body.ts';
import { fault, noSuchAddress } from '../http/errors.ts';
import { findForgery } from '../http/sameOrigin.ts';
import type { Context } from '../procedures/context.ts';
import { toTrpcError } from '../procedures/outcome.ts';
import { commonHeaders } from './answer.ts';

export const ACCOUNTS_PATH = '/api/auth';

/**
 * The paths of better-auth that the dashboard needs, with their methods. The other paths are closed. Members and
 * invitations have procedures of their own.
 */
const OPEN = new Map([
  ...[
    '/get-session',
    '/list-sessions',
    '/organization/list',
    '/passkey/list',
    '/passkey/generate-register-options',
    '/passkey/generate-authenticate-options',
  ].map((path) => [path, 'GET'] as const),
  ...[
    '/sign-in/email',
    '/sign-up/email',
    '/sign-out',
    '/request-password-reset',
    '/reset-password',
    '/send-verification-email',
    '/verify-address',
    '/change-password',
    '/prove',
    '/two-factor/enable',
    '/two-factor/disable',
    '/two-factor/generate-backup-codes',
    '/two-factor/verify-totp',
    '/two-factor/verify-backup-code',
    '/passkey/verify-registration',
    '/passkey/verify-authentication',
    '/passkey/update-passkey',
    '/passkey/delete-passkey',
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
const NEVER_KEPT = new Set(['password', 'newPassword', 'currentPassword', 'token', 'code']);

/** The fields of better-auth that nothing here uses: neither taken nor given. */
const CLOSED = ['image', 'logo', 'metadata'];

const fields = z.looseObject({
  name: SoughtName.optional(),
  email: soughtText(320).optional(),
  organizationId: Id.nullish(),
  invitationId: Id.optional(),
});

/** Adds the rules that every body must keep. better-auth checks the rules of each path. */
const ruled = (body: typeof fields) =>
  body.superRefine((body, { addIssue }) => {
    for (const [name, value] of Object.entries(body)) {
      if (typeof value === 'string' && !isStorable(value))
        addIssue({ code: 'custom', path: [name], message: STORABLE });
      const path = NEVER_KEPT.has(name) ? undefined : pathToKey(value);
      if (path) addIssue({ code: 'custom', path: [name, ...path], message: WITHOUT_KEY });
      else if (CLOSED.includes(name)) {
        addIssue({ code: 'custom', path: [name], message: 'Not taken: leave the field out' });
      }
    }
  });

const AccountRequest = ruled(fields);
/** Makes an account. Every other path takes an address that an account may have from before. */
const SignUpRequest = ruled(fields.extend({ email: MailAddress.optional() }));

async function readBody(request: Request, path: string): Promise<string> {
  const schema = path === '/sign-up/email' ? SignUpRequest : AccountRequest;
  const { success, data, error } = schema.safeParse((await readJson(request)) ?? {});
  if (!success) throw new TRPCError({ code: 'BAD_REQUEST', cause: error });
  return stringifyExact(data);
}

/** Answers a request about accounts. `path` begins below `/api/auth`: `/sign-in/email`. Throws a `TRPCError`. */
export async function answerAccounts(request: Request, { path, context }: { path: string; context: Context }) {
  const method = OPEN.get(path);
  const { deps, source } = context;
  if (!method || (path.startsWith('/passkey/') && deps.passkeyHost === undefined)) throw noSuchAddress();
  const isAllowed = request.method === method || (request.method === 'HEAD' && method === 'GET');
  if (!isAllowed) throw fault('METHOD_NOT_SUPPORTED', { headers: { Allow: method } });
  // Without a cookie too: a foreign page that signs a person in to another person's account would do harm as well.
  const forgery = findForgery(request, deps.publicUrl);
  if (forgery) throw forgery;
  const body = method === 'POST' ? await readBody(request, path) : undefined;
  // Without the query, whose texts nothing has checked.
  const [address = ''] = request.url.split('?');
  try {
    const answer = await deps.accounts.handle(
      new Request(address, { method, headers: request.headers, ...(body !== undefined && { body }) }),
      source.address,
    );
    const open = await withoutClosed(answer);
    for (const [name, value] of Object.entries(commonHeaders(context))) open.headers.set(name, value);
    return open;
  } catch (thrown) {
    throw toTrpcError(thrown);
  }
}

/** The same answer without the closed fields, at any depth of its JSON. */
async function withoutClosed(answer: Response): Promise<Response> {
  if (!answer.headers.get('content-type')?.startsWith('application/json')) return answer;
  const text = await answer.text();
  const body = JSON.stringify(JSON.parse(text || 'null', (name, value) => (CLOSED.includes(name) ? undefined : value)));
  const headers = new Headers(answer.headers);
  headers.delete('content-length');
  return new Response(text === '' ? null : body, { status: answer.status, headers });
}
