/** What better-auth is told of its cookies. */
export function cookieOptions(publicUrl: string) {
  const secure = publicUrl.startsWith('https:');
  const cookie = (name: string) => ({
    name: `${secure ? '__Host-' : ''}${name}`,
    attributes: { httpOnly: true, sameSite: 'lax', path: '/', secure } as const,
  });
  return {
    // Its own prefix would be `__Secure-`.
    useSecureCookies: false,
    cookies: { session_token: cookie(SESSION), dont_remember: cookie('introzy_dont_remember') },
  };
}

/** A browser takes the prefix `__Host-` (RFC 6265bis, section 4.1.3.2) with `Secure` only, which plain HTTP cannot have. */
const SESSION = 'introzy_session';
const SESSION_COOKIE = new RegExp(`(?:^|;)\\s*(?:__Host-)?${SESSION}=`);

/** True where a request brings the cookie of a session, valid or not. */
export const hasSessionCookie = (headers: Headers) => SESSION_COOKIE.test(headers.get('cookie') ?? '');
