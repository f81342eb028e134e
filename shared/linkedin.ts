const HOST = /^(?:[^.]+\.)*linkedin\.com$/;

/**
 * The address of a person's LinkedIn page in the form that is compared, `in/ada-lovelace`: without scheme, host prefix
 * (`www.`, `de.`, `m.`), case, query, fragment and last slash, and without pages below the person's own. `null` for every
 * other address: a company's page, or another site, tells no person from another. A change of this function is a change
 * of `CONTACT_FORM`.
 */
export function linkedinKey(url: string): string | null {
  const { hostname, pathname } = URL.parse(url) ?? {};
  if (!hostname || !HOST.test(hostname)) return null;
  const [kind, ...names] = toText(pathname ?? '')
    .split('/')
    .filter(Boolean);
  if (names.length === 0) return null;
  if (kind === 'in') return `in/${names[0]}`;
  return kind === 'pub' ? ['pub', ...names].join('/') : null;
}

function toText(path: string): string {
  try {
    return decodeURIComponent(path).normalize('NFC').toLowerCase();
  } catch {
    return path.toLowerCase();
  }
}
