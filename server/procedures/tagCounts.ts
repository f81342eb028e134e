import { LRUCache } from 'lru-cache';
import type { Tenant } from '../../db/admission.ts';
import { byUse, countTags, listWritten, type TagCount } from '../../db/contactTagCounts.ts';
import { type ContactTagPage, encodeTagCursor } from '../../shared/contactTags.ts';
import { caseless } from '../../shared/fold.ts';

interface TagsQuery {
  organizationId: string;
  prefix?: string | undefined;
  limit: number;
  /** The page's first tag. */
  cursor?: TagCount | undefined;
}

/** Lists a page of an organization's tags, the most used first. */
export type ListTags = (db: Tenant, query: TagsQuery) => Promise<ContactTagPage>;

/** Milliseconds for which counts are remembered. */
const KEPT = 60_000;

/**
 * Counts that took the time of more than `rememberFrom` rows are remembered, of each organization and prefix apart. A call
 * that finds remembered counts is admitted by the database all the same.
 */
export function createTagCounts({ rememberFrom = 20_000 } = {}): ListTags {
  const remembered = new LRUCache<string, TagCount[]>({
    ttl: KEPT,
    maxSize: 200_000,
    sizeCalculation: (tags) => tags.length + 1,
  });
  const counting = new Map<string, Promise<TagCount[] | undefined>>();

  const countNow = async (db: Tenant, { organizationId, prefix }: TagsQuery, name: string) => {
    const { tags, rows } = await countTags(db, { organizationId, prefix });
    if (rows >= rememberFrom) remembered.set(name, tags);
    return tags;
  };

  const count = async (db: Tenant, query: TagsQuery) => {
    const name = `${query.organizationId} ${caseless(query.prefix ?? '')}`;
    // Of several calls at once the first call counts. A failure of that call is no failure of the others, which then count.
    const known = remembered.get(name) ?? (await counting.get(name));
    if (known) return known;
    const tags = countNow(db, query, name);
    const shared = tags.catch(() => undefined).finally(() => counting.delete(name));
    counting.set(name, shared);
    return await tags;
  };

  return async (db, query) => {
    const { organizationId, limit, cursor } = query;
    const tags = await count(db, query);
    const left = cursor ? tags.filter((tag) => byUse(cursor, tag) <= 0) : tags;
    const page = left.slice(0, limit);
    const next = left[limit];
    const written = await listWritten(db, { organizationId, keys: page.map(({ key }) => key) });
    return {
      items: page.map(({ key, count }) => ({ tag: written.get(key) ?? key, count })),
      nextCursor: next ? encodeTagCursor(next) : null,
    };
  };
}
