/** A field of a contact, or a part of a field: `city` is a part of `location`. */
export type ContactPart = keyof typeof HEADERS;

/**
 * The headers that name each part, the preferred header first. Headers are compared without case, spaces and
 * punctuation. The headers come from LinkedIn's Connections.csv, from the older and the newer export of Google
 * Contacts, from HubSpot's export, and from our own fields.
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
  // Outlook's export has the title of a job under "Job Title", and "Mr" or "Mrs" under "Title".
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
  /** The header of each column. The second column with the same header gets a number, as in `Phone (2)`. */
  headers: string[];
  /** The indexes of each part's columns, the column with the preferred header first. */
  byPart: Map<ContactPart, number[]>;
  /** The part of each column; `undefined` for a column that becomes a custom field. */
  partOf: (ContactPart | undefined)[];
  /** The number of columns at the front that are `ADDED_HEADERS`: 2 in a file of failed rows, or else 0. */
  added: number;
}

/** The columns that a file of failed rows has in front of the columns of the imported file. */
export const ADDED_HEADERS = ['import_line', 'import_failure'];

/** Reads a row as a header. Gives `undefined` where no column has the header of a name or of an email. */
export function columnsOf(cells: string[]): Columns | undefined {
  const added = ADDED_HEADERS.every((header, index) => cells[index]?.trim() === header) ? ADDED_HEADERS.length : 0;
  const keys = cells.map((cell, index) => (index < added ? '' : keyOf(cell)));
  // Only in LinkedIn's own file, which has a column "Connected On", is "URL" the address of a profile.
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

/**
 * Numbers repeated headers: `Phone`, `Phone` becomes `Phone`, `Phone (2)`. A column without a header is called after
 * its place, such as `Column 3`.
 */
function distinguish(cells: string[]): string[] {
  const seen = new Map<string, number>();
  return cells.map((cell, index) => {
    const header = cell.trim() || `Column ${index + 1}`;
    const count = (seen.get(header) ?? 0) + 1;
    seen.set(header, count);
    return count === 1 ? header : `${header} (${count})`;
  });
}
