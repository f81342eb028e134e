import { type RawBuilder, sql } from 'kysely';
import { BETWEEN_TAGS, lineOf } from './searchText.ts';

/*
 * Tags are compared without case, by `contacts.tag_keys`: the key of each tag, in the order of the tags. A tag keeps the
 * case in which the tag was written first.
 */

/** The keys of a contact's present tags. A contact in an older form has no keys: PostgreSQL's own lower case stands in. */
const presentKeys = sql<string[]>`coalesce(contacts.tag_keys, array(select lower(tag) from unnest(contacts.tags) tag))`;

/** SQL of a contact's new tags: `tags`, whose keys are `keys`, but each tag that the contact has in its present case. */
export const keepCase = (tags: RawBuilder<string[]>, keys: RawBuilder<string[]>) => sql<string[]>`
  array(select coalesce((select tag from unnest(contacts.tags, ${presentKeys}) present (tag, key)
      where present.key = given.key limit 1), given.tag)
    from unnest(${tags}, ${keys}) with ordinality given (tag, key, place) order by place)`;

const isNew = sql`key <> all (${presentKeys})`;

/** SQL of the values of an existing contact to which an upsert adds the tags of the row that it would insert. */
export const ADDED = {
  tags: sql<string[]>`contacts.tags || array(
    select tag from unnest(excluded.tags, excluded.tag_keys) added (tag, key) where ${isNew})`,
  keys: sql<string[]>`contacts.tag_keys || array(select key from unnest(excluded.tag_keys) key where ${isNew})`,
  line: sql<string>`concat_ws(${sql.lit(BETWEEN_TAGS)}, nullif(${lineOf('tags', 'contacts.folded')}, ''),
    (select string_agg(line, ${sql.lit(BETWEEN_TAGS)})
      from unnest(string_to_array(${lineOf('tags', 'excluded.folded')}, ${sql.lit(BETWEEN_TAGS)}), excluded.tag_keys)
        added (line, key) where ${isNew}))`,
};
