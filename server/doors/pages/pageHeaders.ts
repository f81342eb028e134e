/** The Content-Security-Policy of a page: everything from this host alone. */
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

/**
 * The security headers of a page, beside the headers of every answer. `policy` replaces directives of the
 * Content-Security-Policy.
 */
export function pageHeaders(policy: Record<string, string> = {}): Record<string, string> {
  const directives = Object.entries({ ...POLICY, ...policy }).map((directive) => directive.join(' '));
  return {
    'Content-Security-Policy': directives.join('; '),
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Frame-Options': 'DENY',
  };
}
