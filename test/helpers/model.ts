import { WORD_BREAKS } from '../../db/wordBreaks.ts';
import type { ApiKey, Scope } from '../../shared/apiKeys.ts';
import type { Contact, ContactInput } from '../../shared/contacts.ts';
import { comparable } from '../../shared/text.ts';

/** As JSON shows it: dates are text. */
type Shown<T> = { [K in keyof T]: T[K] extends Date ? string : T[K] extends Date | null ? string | null : T[K] };
export type ModelContact = Shown<Contact>;
export type ModelKey = Omit<Shown<ApiKey>, 'lastUsedAt'>;

/** A secret that was handed out once, and whether its time is over. */
export interface ModelSecret {
  key: string;
  isOver: boolean;
}

/** What one organization has, as a plain program would keep it. */
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

const newestFirst = (a: { id: string }, b: { id: string }) => (a.id < b.id ? 1 : -1);

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

export const listKeys = ({ keys }: ModelOrganization): ModelKey[] => keys.map(({ shown }) => shown).sort(newestFirst);

/** One or two letters are found where a word begins: behind a blank, or behind what is no part of a word. */
function hasWord({ name, email, company }: ModelContact, word: string): boolean {
  const texts = [name, email ?? '', company ?? ''].map(comparable);
  if ([...word].length >= 3) return texts.some((text) => text.includes(word));
  const isLetter = !new RegExp(`^[${WORD_BREAKS}]`).test(word);
  const beginning = new RegExp(`(?:^|[ ${isLetter ? WORD_BREAKS : ''}])${RegExp.escape(word)}`, 'u');
  return texts.some((text) => beginning.test(text));
}

const sameEmail = (a: string | null, b: string) => a !== null && comparable(a) === comparable(b);

/** The contact that has the email already, but for the one that asks. */
export const findHolder = ({ contacts }: ModelOrganization, email: string | null | undefined, but?: string) =>
  email === null || email === undefined
    ? undefined
    : contacts.find(
        (contact) =>
          (but === undefined || contact.id !== but) && contact.deletedAt === null && sameEmail(contact.email, email),
      );

/** A contact as it is after these fields are written, but for its dates. */
export function writeModel(contact: ModelContact, fields: Partial<ContactInput>): ModelContact {
  const written = { ...contact, ...fields } as ModelContact;
  const isChanged = canonical(written) !== canonical(contact);
  return { ...written, version: contact.version + (isChanged ? 1 : 0) };
}

/** Fields that a new contact has where nothing is given. */
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

/** JSON in which the order of an object's keys does not matter. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );

/** Why a key is refused, or lacks a scope. */
export function judgeKey(
  { shown, secret }: { shown: ModelKey; secret: ModelSecret },
  scope: Scope | undefined,
): { status: number; reason: string } | undefined {
  if (shown.state === 'revoked') return { status: 401, reason: 'API key has been revoked' };
  if (secret.isOver) return { status: 401, reason: 'API key has expired' };
  if (scope && !shown.scopes.includes(scope)) return { status: 403, reason: `The API key lacks the scope ${scope}` };
  return undefined;
}
