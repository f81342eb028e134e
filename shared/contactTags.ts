import { z } from 'zod';
import { decodeJsonCursor, encodeJsonCursor, NOT_A_CURSOR, optionalCursor, PageRequest, pageOf } from './paging.ts';
import { filter } from './text.ts';

/** The cursor of a page of tags: the page's first tag, by its count and its key, as JSON in base64url. */
const Place = z.tuple([z.int().min(0), z.string().max(1_000)]);
const TagCursor = z.string().transform((cursor, context): { count: number; key: string } => {
  const place = Place.safeParse(decodeJsonCursor(cursor));
  if (place.success) return { count: place.data[0], key: place.data[1] };
  context.addIssue({ code: 'custom', message: NOT_A_CURSOR });
  return z.NEVER;
});

export const encodeTagCursor = ({ count, key }: { count: number; key: string }): string =>
  encodeJsonCursor([count, key]);

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
