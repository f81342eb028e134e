/** A field of a contact, or what a field is put together from: `city` is a part of `location`. */
export type ContactPart = keyof typeof HEADERS;

/**
 * The headers by which each part is known, the most telling first; compared without case, spaces and punctuation. They come
 * from LinkedIn's Connections.csv, from the older and the newer export of Google Contacts, from HubSpot's export, and from
 * our own fields.
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
  // A file of Outlook has "Job Title", and a "Title" that is Mr or Mrs.
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

/** The columns of a CSV file. */
export interface Columns {
  /** The header of each column; a header that stands twice gets a number, as in `Phone (2)`. */
  headers: string[];
  /** The indexes of each part's columns, the most telling first. */
  byPart: Map<ContactPart, number[]>;
  /** The part of each column; `undefined` for a column that becomes a custom field. */
  partOf: (ContactPart | undefined)[];
  /** How many columns at the front are those of a file of failed rows, 0 or 2. */
  added: number;
}

/** The columns that a file of failed rows has in front of those of the imported file. */
export const ADDED_HEADERS = ['import_line', 'import_failure'];

/** A row as a header; `undefined` where no column is that of a name or an email. */
export function columnsOf(cells: string[]): Columns | undefined {
  const added = ADDED_HEADERS.every((header, index) => cells[index]?.trim() === header) ? ADDED_HEADERS.length : 0;
  const keys = cells.map((cell, index) => (index < added ? '' : keyOf(cell)));
  // "URL" is the address of a profile in LinkedIn's own file only.
  const isLinkedin = keys.includes('connectedon');
  const byPart = new Map<ContactPart, number[]>();
  const partOf: (ContactPart | undefined)[] = cells.map(() => undefined);
  for (const [part, known] of Object.entries(HEADERS) as [ContactPart, readonly string[]][]) {
    const accepted = part === 'linkedinUrl' && isLinkedin ? ['url', ...known] : known;
    const found = accepted.flatMap((header) => keys.flatMap((key, index) => (key === header ? [index] : [])));
    if (found.length > 0) byPart.set(part, found);
    for (const index of found) partOf[index] = part;
  }
  const isHeader = (['name', 'firstName', 'lastName', 'email'] as const).some((part) => byPart.has(part));
  return isHeader ? { headers: distinguish(cells), byPart, partOf, added } : undefined;
}

const keyOf = (header: string) => header.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');

/** `Phone`, `Phone` → `Phone`, `Phone (2)`. A column without a header is called `Column 3`, by its place. */
function distinguish(cells: string[]): string[] {
  const seen = new Map<string, number>();
  return cells.map((cell, index) => {
    const header = cell.trim() || `Column ${index + 1}`;
    const count = (seen.get(header) ?? 0) + 1;
    seen.set(header, count);
    return count === 1 ? header : `${header} (${count})`;
  });
}
