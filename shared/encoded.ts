import type { Contact } from './contacts.ts';

/** The fields of a contact that are dates, where they are not null. */
const DATE_FIELDS = ['createdAt', 'updatedAt', 'deletedAt'] as const;

const texts = new WeakMap<object, string>();

/**
 * A page of contacts as the database keeps them written, the text of a JSON array. It reads as any page does, and its
 * items are decoded once somebody looks; a door that answers in JSON passes the text on instead.
 */
export function encodedPage(text: string, nextCursor: string | null): { items: Contact[]; nextCursor: string | null } {
  let items: Contact[] | undefined;
  const page = { nextCursor } as { items: Contact[]; nextCursor: string | null };
  // Not enumerable: tRPC looks at each enumerable property of a result, for promises, and would have it decoded.
  Object.defineProperty(page, 'items', {
    get: () => (items ??= (JSON.parse(text) as Record<string, unknown>[]).map(decodeDates)),
  });
  texts.set(page, text);
  return page;
}

/** The JSON text of a page's items; `undefined` where `value` is no page that came encoded. */
export const encodedItems = (value: unknown): string | undefined =>
  typeof value === 'object' && value !== null ? texts.get(value) : undefined;

/** The items as JSON has them, and superjson's notes of which of their fields are dates. */
export function parseEncoded(items: string): { items: object[]; dates: Record<string, ['Date']> } {
  const parsed = JSON.parse(items) as Record<string, unknown>[];
  const dates: Record<string, ['Date']> = {};
  parsed.forEach((item, index) => {
    for (const field of DATE_FIELDS) if (typeof item[field] === 'string') dates[`items.${index}.${field}`] = ['Date'];
  });
  return { items: parsed, dates };
}

/** A contact, from its text. */
export const decodeContact = (text: string): Contact => decodeDates(JSON.parse(text) as Record<string, unknown>);

function decodeDates(item: Record<string, unknown>): Contact {
  const dates = DATE_FIELDS.map((field) => [field, typeof item[field] === 'string' ? new Date(item[field]) : null]);
  return { ...item, ...Object.fromEntries(dates) } as Contact;
}
