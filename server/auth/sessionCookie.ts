/** better-auth's options for cookies. At an `https:` address, cookies are `Secure`, with the prefix `__Host-`. */
export function cookieOptions(publicUrl: string) {
  const secure = publicUrl.startsWith('https:');
  const cookie = (name: string) => ({
    name: `${secure ? '__Host-' : ''}${name}`,
    attributes: { httpOnly: true, sameSite: 'lax', path: '/', secure } as const,
  });
  return {
    // better-auth would put a prefix of its own before each name: `__Secure-`.
    useSecureCookies: false,
    cookies: {
      session_token: cookie(SESSION),
      dont_remember: cookie('introzy_dont_remember'),
      two_factor: cookie('introzy_two_factor'),
      passkey: cookie('introzy_passkey'),
      trust_device: cookie('introzy_trust_device'),
    },
  };
}

/** Over plain HTTP no `__Host-`: browsers take the prefix with `Secure` only (RFC 6265bis, section 4.1.3.2). */
const SESSION = 'introzy_session';
const SESSION_COOKIE = new RegExp(`(?:^|;)\\s*(?:__Host-)?${SESSION}=`);

/** True where a request brings the cookie of a session, valid or not. */
export const hasSessionCookie = (headers: Headers) => SESSION_COOKIE.test(headers.get('cookie') ?? '');
