/** The fields of a page's items that are dates, where they are not null. */
const DATE_FIELDS = ['createdAt', 'updatedAt', 'deletedAt'] as const;

type DateField = (typeof DATE_FIELDS)[number];
/** An item as JSON has it: its dates are text. */
type Encoded<T> = { [K in keyof T]: K extends DateField ? string | null : T[K] };

const texts = new WeakMap<object, string>();

/**
 * A page whose items the database has already written, as the text of a JSON array. It reads as any page does, and its
 * items are decoded once somebody looks; a door that answers in JSON passes the text on instead.
 */
export function encodedPage<T>(text: string, nextCursor: string | null): { items: T[]; nextCursor: string | null } {
  let items: T[] | undefined;
  const page = { nextCursor } as { items: T[]; nextCursor: string | null };
  // Not enumerable: tRPC looks at each enumerable property of a result, for promises, and would have it decoded.
  Object.defineProperty(page, 'items', {
    get: () => (items ??= (JSON.parse(text) as Encoded<T>[]).map(decodeDates<T>)),
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

function decodeDates<T>(item: Encoded<T>): T {
  const decoded = { ...item } as Record<string, unknown>;
  for (const field of DATE_FIELDS) if (typeof decoded[field] === 'string') decoded[field] = new Date(decoded[field]);
  return decoded as T;
}
