import type { ContactSort } from '../../shared/contactSort.ts';
import type { Contact, ContactInput } from '../../shared/contacts.ts';
import { caseless, comparable, countLetters, digitsOf, fold } from '../../shared/fold.ts';
import { mergePatch } from './mergePatch.ts';
import { type ModelContact, type ModelOrganization, newestFirst } from './modelRows.ts';

export interface ModelList {
  search?: string;
  tag?: string;
  tags?: string[];
  email?: string;
  company?: string;
  /** A name and a text, `a:x`, as REST has a custom field. */
  customField?: string;
  updatedSince?: Date;
  createdSince?: Date;
  includeDeleted?: boolean;
  sort?: ContactSort;
}

const byCodePoint = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
const nameOf = ({ name }: ModelContact) => fold(name).trim();
const oldestUpdate = (a: ModelContact, b: ModelContact) =>
  byCodePoint(a.updatedAt, b.updatedAt) || byCodePoint(a.id, b.id);
const SORTS: Record<ContactSort, (a: ModelContact, b: ModelContact) => number> = {
  '-createdAt': newestFirst,
  createdAt: (a, b) => newestFirst(b, a),
  '-updatedAt': (a, b) => oldestUpdate(b, a),
  updatedAt: oldestUpdate,
  name: (a, b) => byCodePoint(nameOf(a), nameOf(b)) || byCodePoint(a.id, b.id),
};

/** A custom field as text finds a text, and the number or boolean that the text writes. */
function hasField({ customFields }: ModelContact, asked: string): boolean {
  const colon = asked.indexOf(':');
  const value = customFields[asked.slice(0, colon)];
  return ['string', 'number', 'boolean'].includes(typeof value) && String(value) === asked.slice(colon + 1);
}

/** The contacts that meet every condition, in the order of the sort. */
export function listModel({ contacts }: ModelOrganization, list: ModelList): ModelContact[] {
  const words = toTyped(list.search ?? '');
  return contacts
    .filter(({ deletedAt }) => deletedAt === null || list.includeDeleted)
    .filter(({ tags }) => (list.tags ?? []).every((asked) => tags.some((tag) => caseless(tag) === caseless(asked))))
    .filter(({ company }) => list.company === undefined || sameCompany(company, list.company))
    .filter((contact) => list.customField === undefined || hasField(contact, list.customField))
    .filter(({ createdAt }) => list.createdSince === undefined || Date.parse(createdAt) >= list.createdSince.getTime())
    .filter(({ tags }) => list.tag === undefined || tags.some((tag) => caseless(tag) === caseless(list.tag as string)))
    .filter((contact) => list.email === undefined || hasEmail(contact, list.email))
    .filter(({ updatedAt }) => list.updatedSince === undefined || Date.parse(updatedAt) >= list.updatedSince.getTime())
    .filter((contact) => words.every((word) => isFound(contact, word)))
    .sort(SORTS[list.sort ?? '-createdAt']);
}

/** The words of a search. Words of digits that follow each other are a list: they may be the groups of a phone. */
function toTyped(search: string): string[][] {
  const words: string[][] = [];
  for (const word of search.split(/\s+/).filter(Boolean)) {
    const isNumber = /^[-+()./]*\d[-+()./\d]*$/.test(word);
    if (isNumber && /\d/.test(words.at(-1)?.[0] ?? '') && words.at(-1)?.every((each) => /^[-+()./\d]+$/.test(each))) {
      words.at(-1)?.push(word);
    } else if (fold(word) !== '') words.push([word]);
  }
  return words;
}

function isFound(contact: ModelContact, words: string[]): boolean {
  if (words.every((word) => hasWord(contact, word))) return true;
  if (!words.every((word) => /^[-+()./]*\d[-+()./\d]*$/.test(word))) return false;
  const digits = digitsOf(words.join(''));
  return [contact.phone ?? '', ...contact.otherPhones]
    .map(digitsOf)
    .some((phone) => (digits.length < 3 ? phone.startsWith(digits) : phone.includes(digits)));
}

/** Letters, digits and symbols of scripts that have no spaces, Yi among them: each character begins a word. */
const SCRIPTS = 'Han Hira Kana Bopo Yiii Thai Laoo Khmr Mymr Tibt Java Bali Tale Talu Lana Tavt'.split(' ');
const SPACELESS = `[${SCRIPTS.map((script) => `\\p{scx=${script}}`).join('')}\\p{So}]&&[\\p{L}\\p{N}\\p{So}]`;

/**
 * A word of one or two letters matches where a word of a text begins: at the start, before and after a character of a script without
 * spaces, and after what is no letter. A word that begins with no letter matches only at the start or after a blank. A
 * longer word, or two syllables of Hangul, match anywhere. Blanks do not count between characters without spaces.
 */
function hasWord(contact: ModelContact, word: string): boolean {
  const { name, email, otherEmails, phone, otherPhones, company, title, location, notes, tags } = contact;
  const some = [
    name,
    email,
    ...otherEmails,
    company,
    title,
    location,
    [...(notes ?? '')].slice(0, 5_000).join(''),
    ...tags,
  ];
  const close = (text: string) =>
    fold(text).replace(new RegExp(`(?<=[${SPACELESS}]\\p{M}*) +| +(?=[${SPACELESS}])`, 'gv'), '');
  const texts = [...some.map((text) => close(text ?? '')), ...[phone ?? '', ...otherPhones].map(digitsOf)];
  const folded = close(word);
  const isAnywhere = countLetters(word) >= 3 || /^[가-힣]{2,}$/u.test(folded);
  if (isAnywhere) return texts.some((text) => text.includes(folded));
  const isLetter = /^[\p{L}\p{N}]/u.test(folded);
  const before = isLetter ? `[^\\p{L}\\p{M}\\p{N}]|[${SPACELESS}]\\p{M}*` : ' ';
  const isSpaceless = new RegExp(`^[${SPACELESS}]`, 'v').test(folded);
  const beginning = new RegExp(`${isSpaceless ? '' : `(?:^|${before})`}${RegExp.escape(folded)}`, 'v');
  return texts.some((text) => beginning.test(text));
}

const sameCompany = (a: string | null, b: string) => a !== null && fold(a).trim() === fold(b).trim();
const isEmail = (a: string, b: string) => comparable(a) === comparable(b);

/** The emails of a contact; a deleted contact is found by the first alone. */
const emailsOf = ({ email, otherEmails, deletedAt }: ModelContact) => [
  ...(email === null ? [] : [email]),
  ...(deletedAt === null ? otherEmails : []),
];
const hasEmail = (contact: ModelContact, sought: string) => emailsOf(contact).some((email) => isEmail(email, sought));

type Emails = Pick<ContactInput, 'email' | 'otherEmails'>;
const givenEmails = ({ email, otherEmails }: Emails) => [...(email ? [email] : []), ...(otherEmails ?? [])];

/** The contacts that have any of the emails already. The contact with the id `but` does not count. */
export const findHolders = (contacts: ModelContact[], fields: Emails, but?: string) =>
  contacts.filter(
    (contact) =>
      (but === undefined || contact.id !== but) &&
      contact.deletedAt === null &&
      givenEmails(fields).some((email) => hasEmail(contact, email)),
  );

/** Phones with a country code are compared as a whole, other phones by their last nine digits. */
function isPhone(a: string, b: string): boolean {
  const [one = '', two = ''] = [a, b].map(digitsOf);
  if (a === b) return true;
  if (one === '' || (a.startsWith('+') && b.startsWith('+'))) return one === two && one !== '';
  return one.length < 9 || two.length < 9 ? one === two : one.slice(-9) === two.slice(-9);
}

/** The texts without `first`, and without those that an earlier text equals. */
const othersThan = (first: string | null, others: string[], isSame: (a: string, b: string) => boolean) => {
  const all = first ? [first, ...others] : others;
  const kept: string[] = [];
  for (const text of all) if (!kept.some((other) => isSame(other, text))) kept.push(text);
  return first ? kept.slice(1) : kept;
};

/** The contact with each email, phone and tag in one place. */
export const onceInAll = (contact: ModelContact): ModelContact => ({
  ...contact,
  otherEmails: othersThan(contact.email, contact.otherEmails ?? [], isEmail),
  otherPhones: othersThan(contact.phone, contact.otherPhones ?? [], isPhone),
  tags: onceEach(contact.tags),
});

const TEXTS = ['phone', 'company', 'title', 'location', 'notes', 'linkedinUrl'] as const;

/** The fields as a contact has them: texts without the blanks around them, and `null` for an empty text. */
export function asKept(fields: Partial<ContactInput>): Partial<ContactInput> {
  const texts = TEXTS.filter((field) => typeof fields[field] === 'string');
  return { ...fields, ...Object.fromEntries(texts.map((field) => [field, fields[field]?.trim() || null])) };
}

/** The contact after a write of these fields, except for its dates. The version rises where a field changes. */
export function writeModel(contact: ModelContact, fields: Partial<ContactInput>): ModelContact {
  const kept = (tag: string) => contact.tags.find((present) => caseless(present) === caseless(tag)) ?? tag;
  const tags = onceEach(fields.tags ?? contact.tags).map(kept);
  const customFields = mergePatch(contact.customFields, fields.customFields ?? {});
  const written = onceInAll({ ...contact, ...asKept(fields), tags, customFields } as ModelContact);
  const isChanged = canonical(written) !== canonical(contact);
  return { ...written, version: contact.version + (isChanged ? 1 : 0) };
}

/** The contact after an upsert's row, which names the contact by its id or not. */
export function writeRow(contact: ModelContact, { id, ...fields }: UpsertRow, merge: boolean): ModelContact {
  const { email, otherEmails } = contact;
  const isOther = otherEmails.some((other) => fields.email && isEmail(other, fields.email));
  if (!merge) {
    const { email: _, ...rest } = fields;
    return writeModel(contact, isOther && id === undefined && fields.otherEmails === undefined ? rest : fields);
  }
  const given = Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== null && (typeof value !== 'string' || value.trim() !== '')),
  );
  const next = isOther ? email : (fields.email ?? email);
  const former = email !== null && next !== null && !isEmail(email, next) ? [email] : [];
  return writeModel(contact, {
    ...given,
    email: next,
    otherEmails: [...otherEmails, ...former, ...(fields.otherEmails ?? [])],
    otherPhones: [...contact.otherPhones, ...(fields.otherPhones ?? [])],
    tags: [...contact.tags, ...(fields.tags ?? [])],
    customFields: whatAdds(fields.customFields ?? {}),
  });
}

type Json = Record<string, unknown>;
/** The part of custom fields that a merge adds: not `null` and empty texts, nor objects that have nothing else. */
export const whatAdds = (fields: Json): Json =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => {
      if (value === null || value === '') return [];
      if (typeof value !== 'object' || Array.isArray(value) || Object.keys(value).length === 0) return [[name, value]];
      const added = whatAdds(value as Json);
      return Object.keys(added).length === 0 ? [] : [[name, added]];
    }),
  );
export type UpsertRow = ContactInput & { id?: string | undefined };

/** The tags without those that an earlier tag equals but for case. */
export const onceEach = (tags: string[]) =>
  tags.filter((tag, place) => tags.findIndex((other) => caseless(other) === caseless(tag)) === place);

/** The fields of a new contact for which the input has no value. */
export const BLANK = {
  email: null,
  phone: null,
  otherEmails: [],
  otherPhones: [],
  company: null,
  title: null,
  location: null,
  linkedinUrl: null,
  notes: null,
  tags: [],
  customFields: {},
} satisfies Partial<Contact>;

/** JSON with sorted keys, so that the order of an object's keys does not matter. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
