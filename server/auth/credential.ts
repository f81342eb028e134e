import type { TRPCError } from '@trpc/server';
import type { KeyRefusal } from '../../shared/errors.ts';
import { findForgery } from '../http/sameOrigin.ts';
import { readBearer } from './bearer.ts';
import { hasSessionCookie } from './sessionCookie.ts';

/** What a request presents: a key, or why there is none; without either, the cookie of a session. */
export type Credential =
  | { type: 'key'; key: string }
  | { type: 'none'; refusal: KeyRefusal }
  /** With what is wrong with the request, where somebody else's page may have sent it. */
  | { type: 'session'; headers: Headers; forgery: TRPCError | undefined };

/** Reads what a request presents. Where there is an `Authorization`, that alone counts. */
export function readCredential(request: Request, publicUrl: string): Credential {
  const { headers } = request;
  if (!headers.has('authorization') && hasSessionCookie(headers)) {
    return { type: 'session', headers, forgery: findForgery(request, publicUrl) };
  }
  const bearer = readBearer(headers);
  return bearer.ok ? { type: 'key', key: bearer.key } : { type: 'none', refusal: bearer.refusal };
}
