import type { Columns, Source } from './columns.ts';

/** What a row says of a contact, not judged yet. */
export interface RowContact {
  /** The fields to write; without a name where nothing in the row can be one. */
  fields: Record<string, unknown> & { name?: string };
  /** The row gives no name, and the contact is called by something else. */
  isNameGuess: boolean;
}

/** Between the values of a cell, in Google's exports. */
const GOOGLE_SEPARATOR = ' ::: ';

/**
 * A row as a contact. Empty cells say nothing, so that importing them changes nothing. What no field takes is kept as a
 * custom field under its header: unknown columns, second phone numbers. A contact without a name is called by its
 * company, else by its email or phone.
 */
export function contactOf(cells: string[], columns: Columns): RowContact {
  const values = cells.map((cell) => cell.trim());
  const kept = new Map<Source, string>();
  /** The first value of `source`; the whole cell goes to the custom fields where it has more of them. */
  const take = (source: Source): string | undefined => {
    const column = columns.bySource.get(source)?.find((index) => values[index]);
    if (column === undefined) return undefined;
    const value = values[column] as string;
    kept.set(source, value.includes(GOOGLE_SEPARATOR) && source !== 'notes' ? '' : value);
    return source === 'notes' ? value : value.split(GOOGLE_SEPARATOR)[0]?.trim();
  };
  const join = (sources: Source[], separator: string) =>
    sources.flatMap((source) => take(source) ?? []).join(separator) || undefined;

  const fullName = take('name');
  const name = fullName ?? join(['firstName', 'middleName', 'lastName'], ' ');
  const email = take('email');
  const phone = take('phone');
  const company = take('company');
  const location = take('location') ?? join(['city', 'region', 'country'], ', ');
  const linkedinUrl = withScheme(take('linkedinUrl'));
  const title = take('title');
  const notes = take('notes');
  const tags = tagsOf(columns, values);
  const customFields = Object.fromEntries(
    values.flatMap((value, index) => {
      const source = columns.sourceOf[index];
      const isSaid = source !== undefined && (source === 'tags' || isWithin(value, saidOf(source, { kept, fullName })));
      return value === '' || isSaid || index < columns.added ? [] : [[columns.headers[index], value]];
    }),
  );
  const fields = {
    name: name ?? company ?? email ?? phone,
    email,
    phone,
    company,
    title,
    location,
    linkedinUrl,
    notes,
    tags,
  };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return {
    fields: { ...Object.fromEntries(given), ...(Object.keys(customFields).length > 0 && { customFields }) },
    isNameGuess: name === undefined,
  };
}

const PARTS_OF_NAME: Source[] = ['firstName', 'middleName', 'lastName'];

/** The text, kept as a field, that makes a cell of `source` needless. */
const saidOf = (source: Source, { kept, fullName }: { kept: Map<Source, string>; fullName: string | undefined }) =>
  PARTS_OF_NAME.includes(source) && fullName !== undefined ? fullName : (kept.get(source) ?? '');

const isWithin = (value: string, text: string) => ` ${text} `.includes(` ${value} `);

/** Of every column of tags; `undefined` where there are none. Google marks its own groups with a star. */
function tagsOf({ bySource }: Columns, values: string[]): string[] | undefined {
  const tags = (bySource.get('tags') ?? [])
    .flatMap((index) => (values[index] ?? '').split(values[index]?.includes(':::') ? ':::' : /[;,]/))
    .map((tag) => tag.trim().replace(/^\* /, ''))
    .filter((tag) => tag !== '' && tag !== 'myContacts');
  return tags.length > 0 ? tags : undefined;
}

/** Profiles are often kept as `linkedin.com/in/…`. */
const withScheme = (url: string | undefined) =>
  url !== undefined && /^(www\.|[a-z]{2}\.)?linkedin\.com\//i.test(url) ? `https://${url}` : url;
