import { sql } from 'kysely';
import { caseless } from '../shared/fold.ts';
import type { Tenant } from './admission.ts';

/** A tag as tags are compared, and the number of contacts that have the tag and are not deleted. */
export interface TagCount {
  key: string;
  count: number;
}

/** The most used tags that are counted. */
const MOST = 1_000;
/** The rows that a statement counts: a fraction of a second, also where the rows have just been written and the machine is busy. */
const CHUNK = 25_000;
/** Stands behind every character in the order of code points. */
const LAST = '\u{10ffff}';

/** The order of tags: the most used first, and equal ones by their keys. */
export const byUse = (a: TagCount, b: TagCount) => b.count - a.count || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

/**
 * Counts the tags that begin with `prefix`, without case: the `MOST` that are used most. `rows` is the number of tags of
 * contacts that were counted, which the time depends on.
 */
export async function countTags(
  db: Tenant,
  {
    organizationId,
    prefix = '',
    chunk = CHUNK,
  }: { organizationId: string; prefix?: string | undefined; chunk?: number },
): Promise<{ tags: TagCount[]; rows: number }> {
  const from = caseless(prefix);
  let tags: TagCount[] = [];
  let rows = 0;
  let after = { key: from, id: '00000000-0000-0000-0000-000000000000' };
  for (;;) {
    const { rows: counted } = await sql<TagCount & { last: string }>`
      select tag_key as key, count(*)::int as count, max(contact_id::text) as last from (
        select tag_key, contact_id from contact_tags
          where organization_id = ${organizationId} and is_deleted = false and tag_key < ${from + LAST}
            and (tag_key, contact_id) > (${after.key}, ${after.id}::uuid)
          order by tag_key, contact_id limit ${chunk}
      ) chunk group by tag_key order by tag_key`.execute(db);
    const inChunk = counted.reduce((sum, { count }) => sum + count, 0);
    rows += inChunk;
    for (const { key, count } of counted) {
      const known = tags.at(-1);
      // A tag's contacts may be in several chunks.
      if (known?.key === key) known.count += count;
      else tags.push({ key, count });
    }
    const last = counted.at(-1);
    if (!last || inChunk < chunk) return { tags: tags.sort(byUse).slice(0, MOST), rows };
    after = { key: last.key, id: last.last };
    if (tags.length > 10 * MOST) tags = [...tags.slice(0, -1).sort(byUse).slice(0, MOST), ...tags.slice(-1)];
  }
}

/** The tags of `keys`, each as the oldest of its contacts has the tag. A tag that no contact has any more is its key. */
export async function listWritten(
  db: Tenant,
  { organizationId, keys }: { organizationId: string; keys: string[] },
): Promise<Map<string, string>> {
  const { rows } = await sql<{ key: string; tag: string }>`
    select given.key, written.tag from unnest(${keys}::text[]) given (key)
      cross join lateral (
        select contact_id from contact_tags
          where organization_id = ${organizationId} and is_deleted = false and tag_key = given.key order by contact_id limit 1
      ) first
      join contacts on contacts.organization_id = ${organizationId} and contacts.id = first.contact_id
      cross join lateral (
        select tag from unnest(contacts.tags, contacts.tag_keys) written (tag, key) where written.key = given.key limit 1
      ) written`.execute(db);
  return new Map(rows.map(({ key, tag }) => [key, tag]));
}
