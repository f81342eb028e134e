/** The fields of a row that are dates, or `null`. */
const DATE_FIELDS = ['createdAt', 'updatedAt', 'deletedAt'] as const;

const texts = new WeakMap<object, string>();

/**
 * A page whose items the database keeps as documents: `text` is the JSON array of them. The page reads as any page does, and
 * its items are decoded at the first look. A door that answers in JSON passes the text on and decodes nothing.
 */
export function encodedPage<T>(text: string, nextCursor: string | null): { items: T[]; nextCursor: string | null } {
  let items: T[] | undefined;
  const page = { nextCursor } as { items: T[]; nextCursor: string | null };
  // Not enumerable: tRPC looks for promises in each enumerable property of a result, and would decode the items.
  Object.defineProperty(page, 'items', {
    get: () => (items ??= (JSON.parse(text) as Record<string, unknown>[]).map((item) => decodeDates<T>(item))),
  });
  texts.set(page, text);
  return page;
}

/** The JSON text of a page's items; `undefined` where `value` is not an encoded page. */
export const encodedItems = (value: unknown): string | undefined =>
  typeof value === 'object' && value !== null ? texts.get(value) : undefined;

/** The items as plain JSON, and superjson's notes of the fields that are dates. */
export function parseEncoded(items: string): { items: object[]; dates: Record<string, ['Date']> } {
  const parsed = JSON.parse(items) as Record<string, unknown>[];
  const dates: Record<string, ['Date']> = {};
  parsed.forEach((item, index) => {
    for (const field of DATE_FIELDS) if (typeof item[field] === 'string') dates[`items.${index}.${field}`] = ['Date'];
  });
  return { items: parsed, dates };
}

/** Decodes a document: JSON, with the dates of `DATE_FIELDS` as `Date`s. */
export const decodeDocument = <T>(text: string): T => decodeDates<T>(JSON.parse(text) as Record<string, unknown>);

function decodeDates<T>(item: Record<string, unknown>): T {
  const dates = DATE_FIELDS.map((field) => [field, typeof item[field] === 'string' ? new Date(item[field]) : null]);
  return { ...item, ...Object.fromEntries(dates) } as T;
}
