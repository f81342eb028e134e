/** What a page may do: nothing, but for what is its own. */
const POLICY = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
};

/** The headers of a page of ours; `policy` is where its Content-Security-Policy is another. */
export function pageHeaders(publicUrl: string, policy: Record<string, string> = {}): Record<string, string> {
  const directives = Object.entries({ ...POLICY, ...policy }).map((directive) => directive.join(' '));
  return {
    'Content-Security-Policy': directives.join('; '),
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Frame-Options': 'DENY',
    ...(publicUrl.startsWith('https:') && { 'Strict-Transport-Security': 'max-age=31536000' }),
  };
}
