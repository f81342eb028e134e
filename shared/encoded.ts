/** The fields of a document that are dates or `null`. */
const DATE_FIELDS = ['createdAt', 'updatedAt', 'deletedAt'] as const;

interface EncodedItems {
  readonly text: string;
  items?: unknown[];
}
const encodedPages = new WeakMap<object, EncodedItems>();

/**
 * The getter that all encoded pages share: V8 makes a hidden class for each object with a getter of its own. `items` is
 * not enumerable: tRPC looks for promises in each enumerable property, and so would decode `items`.
 */
const PAGE = Object.defineProperty({}, 'items', {
  get(this: object) {
    const encoded = encodedPages.get(this) as EncodedItems;
    encoded.items ??= (JSON.parse(encoded.text) as Record<string, unknown>[]).map(decodeDates);
    return encoded.items;
  },
});

/**
 * Makes a page out of documents, which the database stores as JSON text. `text` is the JSON array of the documents. The
 * page reads like any other page: the first read of `items` decodes the text. A door that answers in JSON passes the
 * text on and decodes nothing.
 */
export function encodedPage<T>(text: string, nextCursor: string | null): { items: T[]; nextCursor: string | null } {
  const page = Object.create(PAGE) as { items: T[]; nextCursor: string | null };
  page.nextCursor = nextCursor;
  encodedPages.set(page, { text });
  return page;
}

/** A plain object in place of an encoded page; any other value stays. */
export function decodePage(value: unknown): unknown {
  if (encodedItems(value) === undefined) return value;
  const { items, nextCursor } = value as { items: unknown[]; nextCursor: string | null };
  return { items, nextCursor };
}

/** The JSON text of a page's items; `undefined` where `value` is not an encoded page. */
export const encodedItems = (value: unknown): string | undefined =>
  typeof value === 'object' && value !== null ? encodedPages.get(value)?.text : undefined;

/**
 * Parses a page's items to plain JSON. `dates` has superjson's note for each date: `{ 'items.0.createdAt': ['Date'] }`.
 */
export function parseEncoded(items: string): { items: object[]; dates: Record<string, ['Date']> } {
  const parsed = JSON.parse(items) as Record<string, unknown>[];
  const dates: Record<string, ['Date']> = {};
  parsed.forEach((item, index) => {
    for (const field of DATE_FIELDS) if (typeof item[field] === 'string') dates[`items.${index}.${field}`] = ['Date'];
  });
  return { items: parsed, dates };
}

const documents = new WeakMap<object, string>();

/**
 * Decodes a document. The fields of `DATE_FIELDS` become `Date`s or `null`. A door that answers in JSON passes the text
 * on: see `encodedDocument`.
 */
export function decodeDocument<T extends object>(text: string): T {
  const document = decodeDates<T>(JSON.parse(text) as Record<string, unknown>);
  documents.set(document, text);
  return document;
}

/** The JSON text that `value` was decoded from; `undefined` where `value` is no decoded document, but a copy. */
export const encodedDocument = (value: object): string | undefined => documents.get(value);

function decodeDates<T>(item: Record<string, unknown>): T {
  for (const field of DATE_FIELDS) {
    const text = item[field];
    if (text !== undefined) item[field] = typeof text === 'string' ? new Date(text) : null;
  }
  return item as T;
}
