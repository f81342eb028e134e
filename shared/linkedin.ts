const HOST = /^(?:[^.]+\.)*linkedin\.com$/;
/** The most UTF-16 units of a key, up to 1,500 bytes: an entry of a b-tree has 2,704 bytes of room. */
const MOST = 500;

/**
 * The address of a person's LinkedIn page in the form that is compared, `in/ada-lovelace`: without scheme, host prefix
 * (`www.`, `de.`, `m.`), case, query, fragment and last slash, and without pages below the person's own. `null` for every
 * other address: a company's page, or another site, tells no person from another. Nor does an address with `%00`, which PostgreSQL
 * could not keep, or an address that is longer than any of LinkedIn's. A change of this function is a change of
 * `CONTACT_FORM`.
 */
export function linkedinKey(url: string): string | null {
  const { hostname, pathname } = URL.parse(url) ?? {};
  if (!hostname || !HOST.test(hostname)) return null;
  const [kind, ...names] = toText(pathname ?? '')
    .split('/')
    .filter(Boolean);
  if (names.length === 0 || (kind !== 'in' && kind !== 'pub')) return null;
  const key = [kind, ...(kind === 'in' ? names.slice(0, 1) : names)].join('/');
  return key.length <= MOST && !key.includes('\0') ? key : null;
}

function toText(path: string): string {
  try {
    return decodeURIComponent(path).normalize('NFC').toLowerCase();
  } catch {
    return path.toLowerCase();
  }
}
