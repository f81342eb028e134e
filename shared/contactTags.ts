import { z } from 'zod';
import { optionalCursor, PageRequest, pageOf } from './paging.ts';
import { filter } from './text.ts';

/** The cursor of a page of tags: the page's first tag, by its count and its key, as JSON in base64url. */
const Place = z.tuple([z.int().min(0), z.string().max(1_000)]);
const TagCursor = z.string().transform((cursor, context): { count: number; key: string } => {
  const place = Place.safeParse(decode(cursor));
  if (place.success) return { count: place.data[0], key: place.data[1] };
  context.addIssue({
    code: 'custom',
    message: 'Not a cursor of this list: take the `nextCursor` of the page before, or begin without a cursor',
  });
  return z.NEVER;
});

export const encodeTagCursor = ({ count, key }: { count: number; key: string }): string =>
  new TextEncoder().encode(JSON.stringify([count, key])).toBase64({ alphabet: 'base64url', omitPadding: true });

function decode(cursor: string): unknown {
  try {
    const bytes = Uint8Array.fromBase64(cursor, { alphabet: 'base64url' });
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

export const ContactTagsRequest = PageRequest.extend({
  prefix: filter(100, 'the beginning of a tag').optional().describe('Tags that begin so, in whatever case'),
  cursor: optionalCursor(TagCursor),
}).prefault({});

/** A tag, and the contacts that have it. */
export const ContactTag = z.object({
  tag: z.string().describe('As the oldest of its contacts has it'),
  count: z
    .int()
    .describe('The contacts that have the tag in any case and are not deleted, a minute ago at the earliest'),
});
export const ContactTagPage = pageOf(ContactTag);
export type ContactTagPage = z.infer<typeof ContactTagPage>;
