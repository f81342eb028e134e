import { standInName } from '../standInName.ts';
import type { Columns, ContactPart } from './columns.ts';
import type { FailedRow } from './failedRows.ts';
import type { Row } from './rows.ts';

/** The fields of a contact from a row. No field has been checked. */
export type ContactFields = Record<string, unknown>;

export interface InterpretedRow {
  line: number;
  /** The row's cells, without the columns that an earlier import added. */
  cells: string[];
  contact: ContactFields;
}

/** Reads a row as a contact, or gives the reason why the row is not a contact. */
export function interpretRow(row: Row, columns: Columns): InterpretedRow | FailedRow {
  const { line } = row;
  if ('flaw' in row) return { line, cells: [], reason: row.flaw };
  const cells = row.cells.slice(columns.added);
  const width = columns.headers.length;
  if (row.cells.length < width || row.cells.slice(width).some((cell) => cell.trim() !== '')) {
    return { line, cells, reason: `The row has ${row.cells.length} cells, and the header has ${width}` };
  }
  const contact = contactOf(row.cells, columns);
  if ((contact.name ?? standInName(contact)) !== undefined) return { line, cells, contact };
  return { line, cells, reason: 'The row has no name, and no company, email or phone to call the contact by' };
}

/** The text between several values of a cell in Google's exports: `+1 555 0100 ::: +1 555 0199`. */
const GOOGLE_SEPARATOR = ' ::: ';

/**
 * Reads a contact's fields from a row. An empty cell gives no field, so that importing the row leaves the contact's
 * field unchanged. A value for which a contact has no field becomes a custom field under the value's header: an unknown
 * column, a second phone number.
 */
function contactOf(cells: string[], columns: Columns): ContactFields {
  const values = cells.map((cell) => cell.trim());
  const taken = new Map<ContactPart, string>();
  /** Takes the first value of `part`. A cell with several values also goes to the custom fields, as a whole. */
  const take = (part: ContactPart): string | undefined => {
    const column = columns.byPart.get(part)?.find((index) => values[index]);
    if (column === undefined) return undefined;
    const value = values[column] as string;
    taken.set(part, value.includes(GOOGLE_SEPARATOR) && part !== 'notes' ? '' : value);
    return part === 'notes' ? value : value.split(GOOGLE_SEPARATOR)[0]?.trim();
  };
  const join = (parts: ContactPart[], separator: string) =>
    parts.flatMap((part) => take(part) ?? []).join(separator) || undefined;

  const fullName = take('name');
  const fields = {
    name: fullName ?? join(PARTS_OF_NAME, ' '),
    email: take('email'),
    phone: take('phone'),
    company: take('company'),
    location: take('location') ?? join(['city', 'region', 'country'], ', '),
    linkedinUrl: withScheme(take('linkedinUrl')),
    title: take('title'),
    notes: take('notes'),
    tags: tagsOf(columns, values),
  };
  const customFields = Object.fromEntries(
    values.flatMap((value, index) => {
      const part = columns.partOf[index];
      const isInField = part !== undefined && (part === 'tags' || isWithin(value, textOf(part, { taken, fullName })));
      return value === '' || isInField || index < columns.added ? [] : [[columns.headers[index], value]];
    }),
  );
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(given), ...(Object.keys(customFields).length > 0 && { customFields }) };
}

const PARTS_OF_NAME: ContactPart[] = ['firstName', 'middleName', 'lastName'];

/**
 * The text of the field that has taken `part`. The full name counts as the field of a first name: a first name that the
 * full name contains needs no custom field.
 */
const textOf = (
  part: ContactPart,
  { taken, fullName }: { taken: Map<ContactPart, string>; fullName: string | undefined },
) => (PARTS_OF_NAME.includes(part) && fullName !== undefined ? fullName : (taken.get(part) ?? ''));

const isWithin = (value: string, text: string) => ` ${text} `.includes(` ${value} `);

/**
 * Reads the tags of all columns of tags. Gives `undefined` where no column has a tag. Google writes a star in front of
 * its own groups, as in `* starred`, and puts every contact into `* myContacts`.
 */
function tagsOf({ byPart }: Columns, values: string[]): string[] | undefined {
  const tags = (byPart.get('tags') ?? [])
    .flatMap((index) => (values[index] ?? '').split(values[index]?.includes(':::') ? ':::' : /[;,]/))
    .map((tag) => tag.trim().replace(/^\* /, ''))
    .filter((tag) => tag !== '' && tag !== 'myContacts');
  return tags.length > 0 ? tags : undefined;
}

/** Adds the scheme to a profile's address. People often leave out the scheme: `linkedin.com/in/ada`. */
const withScheme = (url: string | undefined) =>
  url !== undefined && /^(www\.|[a-z]{2}\.)?linkedin\.com\//i.test(url) ? `https://${url}` : url;
