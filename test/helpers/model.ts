import { WORD_BREAKS } from '../../db/wordBreaks.ts';
import type { ApiKey, Scope } from '../../shared/apiKeys.ts';
import type { Contact, ContactInput } from '../../shared/contacts.ts';
import { comparable } from '../../shared/text.ts';

/** The type after JSON: a `Date` is text. */
type Shown<T> = { [K in keyof T]: T[K] extends Date ? string : T[K] extends Date | null ? string | null : T[K] };
export type ModelContact = Shown<Contact>;
export type ModelKey = Omit<Shown<ApiKey>, 'lastUsedAt'>;

/**
 * A secret that the service issued. `isOver`: the secret's time has run out. `rotatedBy`: the id of the key whose rotation
 * made the secret.
 */
export interface ModelSecret {
  key: string;
  isOver: boolean;
  isUsed?: boolean;
  rotatedBy?: string;
}

/** The rows of an organization, as plain arrays. */
export interface ModelOrganization {
  id: string;
  contacts: ModelContact[];
  keys: { shown: ModelKey; secrets: ModelSecret[] }[];
}

export interface ModelList {
  search?: string;
  tag?: string;
  email?: string;
  updatedSince?: Date;
  includeDeleted?: boolean;
}

export const newestFirst = (a: { id: string }, b: { id: string }) => (a.id < b.id ? 1 : -1);

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

/** The keys that a key issued, and theirs. */
export function listFamily(organization: ModelOrganization, id: string): ModelOrganization['keys'] {
  const children = organization.keys.filter(({ shown }) => shown.createdBy.id === id);
  return children.flatMap((child) => [child, ...listFamily(organization, child.shown.id)]);
}

export const listKeys = ({ keys }: ModelOrganization): ModelKey[] => keys.map(({ shown }) => shown).sort(newestFirst);

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

/** The refusal of a key that is revoked, is expired or lacks the scope; `undefined` where the key may call. */
export function judgeKey(
  { shown, secret }: { shown: ModelKey; secret: ModelSecret },
  scope: Scope | undefined,
): { status: number; reason: string } | undefined {
  if (shown.state === 'revoked') return { status: 401, reason: 'API key has been revoked' };
  if (secret.isOver) return { status: 401, reason: 'API key has expired' };
  if (scope && !shown.scopes.includes(scope)) return { status: 403, reason: `The API key lacks the scope ${scope}` };
  return undefined;
}
