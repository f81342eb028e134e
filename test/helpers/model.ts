import { WORD_BREAKS } from '../../db/wordBreaks.ts';
import type { Contact, ContactInput } from '../../shared/contacts.ts';
import { comparable } from '../../shared/fold.ts';
import { type ModelContact, type ModelOrganization, newestFirst } from './modelRows.ts';

export interface ModelList {
  search?: string;
  tag?: string;
  email?: string;
  updatedSince?: Date;
  includeDeleted?: boolean;
}

/** The contacts that meet every condition, newest first. */
export function listModel({ contacts }: ModelOrganization, list: ModelList): ModelContact[] {
  const words = comparable(list.search ?? '')
    .split(/\s+/)
    .filter(Boolean);
  return contacts
    .filter(({ deletedAt }) => deletedAt === null || list.includeDeleted)
    .filter(({ tags }) => list.tag === undefined || tags.includes(list.tag))
    .filter(({ email }) => list.email === undefined || sameEmail(email, list.email))
    .filter(({ updatedAt }) => list.updatedSince === undefined || Date.parse(updatedAt) >= list.updatedSince.getTime())
    .filter((contact) => words.every((word) => hasWord(contact, word)))
    .sort(newestFirst);
}

/**
 * A word of one or two letters matches where a word of the text begins: at the start, after a blank, or after a
 * character of `WORD_BREAKS`. A short word that begins with a character of `WORD_BREAKS` matches only at the start or
 * after a blank. A longer word matches anywhere.
 */
function hasWord({ name, email, company }: ModelContact, word: string): boolean {
  const texts = [name, email ?? '', company ?? ''].map(comparable);
  if ([...word].length >= 3) return texts.some((text) => text.includes(word));
  const isLetter = !new RegExp(`^[${WORD_BREAKS}]`).test(word);
  const beginning = new RegExp(`(?:^|[ ${isLetter ? WORD_BREAKS : ''}])${RegExp.escape(word)}`, 'u');
  return texts.some((text) => beginning.test(text));
}

const sameEmail = (a: string | null, b: string) => a !== null && comparable(a) === comparable(b);

/** The contact that has the email already. The contact with the id `but` does not count. */
export const findHolder = ({ contacts }: ModelOrganization, email: string | null | undefined, but?: string) =>
  email === null || email === undefined
    ? undefined
    : contacts.find(
        (contact) =>
          (but === undefined || contact.id !== but) && contact.deletedAt === null && sameEmail(contact.email, email),
      );

/** The contact after a write of these fields, except for its dates. The version rises where a field changes. */
export function writeModel(contact: ModelContact, fields: Partial<ContactInput>): ModelContact {
  const written = { ...contact, ...fields } as ModelContact;
  const isChanged = canonical(written) !== canonical(contact);
  return { ...written, version: contact.version + (isChanged ? 1 : 0) };
}

/** The fields of a new contact for which the input has no value. */
export const BLANK = {
  email: null,
  phone: null,
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
