/** What a column can be: a field of a contact, or a part of one. */
export type Source = keyof typeof HEADERS;

/**
 * The headers that each is known by, without case, spaces and punctuation, the most telling first: those of LinkedIn's
 * Connections.csv, Google Contacts (its older export too), HubSpot and our own fields.
 */
const HEADERS = {
  name: ['name', 'fullname', 'displayname', 'contactname'],
  firstName: ['firstname', 'givenname'],
  middleName: ['middlename', 'additionalname'],
  lastName: ['lastname', 'familyname', 'surname'],
  email: ['email', 'emailaddress', 'email1value', 'primaryemail', 'workemail'],
  phone: ['phone', 'phonenumber', 'phone1value', 'mobilephonenumber', 'mobilephone', 'mobile', 'telephone'],
  company: [
    'company',
    'companyname',
    'organization',
    'organizationname',
    'organization1name',
    'associatedcompany',
    'employer',
  ],
  // Outlook's "Title" is Mr or Mrs, beside a "Job Title".
  title: ['jobtitle', 'position', 'organizationtitle', 'organization1title', 'title'],
  location: ['location'],
  city: ['city', 'address1city'],
  region: ['stateregion', 'state', 'region', 'address1region'],
  country: ['countryregion', 'country', 'address1country'],
  linkedinUrl: [
    'linkedinurl',
    'linkedin',
    'linkedinprofile',
    'linkedinprofileurl',
    'linkedinprofilelink',
    'personlinkedinurl',
  ],
  notes: ['notes', 'note'],
  tags: ['tags', 'labels', 'groupmembership'],
} as const;

/** A file's columns. */
export interface Columns {
  /** Each column's header, told apart where two are alike. */
  headers: string[];
  /** The columns of each source, the most telling first. */
  bySource: Map<Source, number[]>;
  /** The source of each column; `undefined` for those that are kept as custom fields. */
  sourceOf: (Source | undefined)[];
  /** Columns at the front that an earlier import added: see failures.ts. */
  added: number;
}

/** What the file of failed rows has in front of the columns of the imported file. */
export const ADDED_HEADERS = ['import_line', 'import_failure'];

/** Reads a row as a header; `undefined` where no column of it tells whom a row is about. */
export function readHeader(cells: string[]): Columns | undefined {
  const added = ADDED_HEADERS.every((header, index) => cells[index]?.trim() === header) ? ADDED_HEADERS.length : 0;
  const keys = cells.map((cell, index) => (index < added ? '' : keyOf(cell)));
  // The profile's address is named as such in LinkedIn's own file only.
  const isLinkedin = keys.includes('connectedon');
  const bySource = new Map<Source, number[]>();
  const sourceOf: (Source | undefined)[] = cells.map(() => undefined);
  for (const [source, known] of Object.entries(HEADERS) as [Source, readonly string[]][]) {
    const accepted = source === 'linkedinUrl' && isLinkedin ? ['url', ...known] : known;
    const found = accepted.flatMap((header) => keys.flatMap((key, index) => (key === header ? [index] : [])));
    if (found.length > 0) bySource.set(source, found);
    for (const index of found) sourceOf[index] = source;
  }
  const isHeader = (['name', 'firstName', 'lastName', 'email'] as const).some((source) => bySource.has(source));
  return isHeader ? { headers: distinguish(cells), bySource, sourceOf, added } : undefined;
}

const keyOf = (header: string) => header.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');

/** `Phone`, `Phone` → `Phone`, `Phone (2)`; a column without a header is called by its place. */
function distinguish(cells: string[]): string[] {
  const seen = new Map<string, number>();
  return cells.map((cell, index) => {
    const header = cell.trim() || `Column ${index + 1}`;
    const count = (seen.get(header) ?? 0) + 1;
    seen.set(header, count);
    return count === 1 ? header : `${header} (${count})`;
  });
}
