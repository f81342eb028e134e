import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

/**
 * The words of an organization's contacts. A search for a part of a word looks for the words that have the part, which are
 * few, and then for the contacts of these words, by an index of whole words. `contact_words` has each word of
 * `contacts.folded`, rarely twice. Words that a contact has lost wait in `contact_words_left`, until db/contactWords.ts takes
 * away those that no other contact has.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ schema: string }>`select quote_ident(current_schema()) as schema`.execute(db);
  const schema = rows[0]?.schema ?? 'public';
  for (const statement of [...words(schema), ...lookups(schema)]) await sql.raw(statement).execute(db);
}

export const accepts = [
  {
    effect: 'adds the trigger contacts.keep_words',
    because: 'raises nothing, and writes into tables that the version before does not know',
  },
  {
    effect: 'adds the trigger contacts.keep_words_of_change',
    because: 'raises nothing, and writes into tables that the version before does not know',
  },
];

/**
 * A table of words whose rows are an organization's own. A word may be longer than an entry of an index can be: `start` is
 * the word's beginning. The comparison of a column is no leak, so that a tenant's statement can use the index.
 */
const table = (name: string) => [
  `create table ${name} (
    organization_id uuid not null references organizations on delete cascade,
    word text collate "C" not null,
    start text collate "C" not null generated always as (left(word, 100)) stored
  )`,
  `create index ${name}_start on ${name} (organization_id, start)`,
  // Logical replication names a deleted row by all of its columns, where a table has no primary key.
  `alter table ${name} replica identity full`,
  `alter table ${name} enable row level security`,
  `alter table ${name} force row level security`,
  `create policy tenant on ${name} using (organization_id = introzy_organization_id())
    with check (organization_id = introzy_organization_id())`,
  `grant select, insert, delete on ${name} to introzy_app`,
];

const words = (schema: string) => [
  ...table('contact_words'),
  ...table('contact_words_left'),
  // The parts of a word by which a search finds the word, as 8 bytes each, and others for each organization: every three
  // letters that follow each other, and every two syllables of Hangul.
  `create function introzy_part_keys(p_organization_id uuid, p_word text) returns bigint[]
  language plpgsql immutable parallel safe as $$
  declare
    v_seed bigint := uuid_hash_extended(p_organization_id, 1);
    v_letters text[] := string_to_array(p_word, null);
    v_keys bigint[] := '{}';
  begin
    for i in 3 .. cardinality(v_letters) loop
      v_keys := v_keys || hashtextextended((v_letters[i - 2] || v_letters[i - 1] || v_letters[i]) collate "C", v_seed);
    end loop;
    if p_word ~ '[가-힣]{2}' then
      for i in 2 .. cardinality(v_letters) loop
        v_keys := v_keys || hashtextextended((v_letters[i - 1] || v_letters[i]) collate "C", v_seed);
      end loop;
    end if;
    return v_keys;
  end $$`,
  `create index contact_words_parts on contact_words using gin (introzy_part_keys(organization_id, word))
    with (gin_pending_list_limit = 256)`,
  // The words of a folded text, and each tag as a whole behind U+001D: ` ada\n…`, {vip guest} → {ada, …, "\x1dvip guest"}.
  `create function introzy_words(p_folded text, p_tag_keys text[]) returns text[]
  language sql immutable parallel safe as $$
    select array_remove(string_to_array(translate(p_folded, E' \\n\\x1d\\x1e', E'\\x1c\\x1c\\x1c\\x1c')
      || E'\\x1c\\x1d' || array_to_string(p_tag_keys, E'\\x1c\\x1d'), E'\\x1c'), '')
  $$`,
  // Words as an index has them: 8 bytes each, and others for each organization, so that no organization's words make
  // another organization's searches slower. Two words may have the same key: whoever looks by the index compares texts too.
  `create function introzy_word_keys(p_organization_id uuid, p_words text[]) returns bigint[]
  language sql immutable parallel safe as $$
    select array_agg(distinct hashtextextended(word collate "C", uuid_hash_extended(p_organization_id, 0)))
      from unnest(p_words) word
  $$`,
  // Names the schema, because whoever restores a dump, or repairs rows, may have an empty search path. The
  // subquery with a limit stays a look into the index, where "not exists" would become a join with all words. The lock lets
  // writers pass each other, and keeps db/contactWords.ts from taking away a word that a writer has just found here.
  `create function introzy_keep_contact_words() returns trigger language plpgsql as $$
  declare
    v_old text[] := '{}';
    v_new text[] := '{}';
  begin
    if tg_op <> 'INSERT' then
      v_old := coalesce(${schema}.introzy_words(old.folded, '{}'), '{}');
    end if;
    if tg_op <> 'DELETE' then
      v_new := coalesce(${schema}.introzy_words(new.folded, '{}'), '{}');
      perform pg_advisory_xact_lock_shared(hashtextextended('introzy words ' || new.organization_id, 0));
      insert into ${schema}.contact_words (organization_id, word)
        select new.organization_id, word from (select unnest(v_new) except select unnest(v_old)) added (word)
          where word <> E'\\x1d' and (
            select present.word from ${schema}.contact_words present
              where present.organization_id = new.organization_id and present.start = left(added.word, 100)
                and present.word = added.word limit 1) is null;
    end if;
    if tg_op <> 'INSERT' then
      insert into ${schema}.contact_words_left (organization_id, word)
        select old.organization_id, word from (select unnest(v_old) except select unnest(v_new)) lost (word)
          where word <> E'\\x1d'
            and exists (select from ${schema}.organizations where id = old.organization_id);
    end if;
    return null;
  end $$`,
  `create trigger keep_words after insert or delete on contacts for each row
    execute function introzy_keep_contact_words()`,
  `create trigger keep_words_of_change after update on contacts for each row
    when (old.folded is distinct from new.folded)
    execute function introzy_keep_contact_words()`,
];

/** The most words that have the part of a word that a search asks for. A part of more words is asked of the text alone. */
const MOST_WORDS = 10_000;
/** Words that are asked of the index at once: the index's work grows with the product of its words and its matches. */
const WORDS_AT_ONCE = 200;
/** The most contacts whose texts are asked, newest first. */
const MOST_CONTACTS = 10_000;
const KEYS = 'introzy_word_keys(organization_id, introzy_words(folded, tag_keys))';

/**
 * SQL of the ids of contacts that meet conditions on keys, newest first. Written so, no index of all of an organization's
 * contacts answers the other conditions.
 */
const newest = (...conditions: string[]) => `array(
        select id from (
          select id from contacts where folded is not null and ${conditions.map((condition) => `${KEYS} ${condition}`).join(' and ')}
            and (organization_id = v_organization_id) is true and (deleted_at is null) is true and (id <= p_from) is true
            limit ${MOST_CONTACTS} + 1) found order by id desc)`;

/** By function of `introzy_lookup`: the role that may call the function. */
const functions = {
  'introzy_newest_with_words(jsonb, uuid)': 'introzy_app',
  'introzy_unused_words(text[])': 'introzy_app',
  'introzy_organizations_with_words_left()': 'introzy_auth',
};

const lookups = (schema: string) => [
  ...['contact_words', 'contact_words_left'].flatMap((name) => [
    `create policy lookup on ${name} for select to introzy_lookup using (true)`,
  ]),
  'grant select (organization_id, word, start) on contact_words to introzy_lookup',
  'grant select (organization_id) on contact_words_left to introzy_lookup',
  // The words of the transaction's organization of which a pattern has a part: `{"part": "ovela", "place": "within"}` →
  // {lovelace}. Null where no index finds the words, or where they are too many. Written so, the index of an organization's
  // words does not answer the condition on the organization: the keys are the organization's own.
  `create function introzy_sought_words(p_pattern jsonb) returns text[]
  language plpgsql stable set search_path = ${schema}, pg_temp as $$
  declare
    v_organization_id uuid := introzy_organization_id();
    v_part text := p_pattern ->> 'part';
    v_place text := p_pattern ->> 'place';
    v_keys bigint[];
    v_words text[];
  begin
    if v_place = 'start' then
      v_words := array(select word from contact_words
        where organization_id = v_organization_id and starts_with(word, v_part)
          and start >= left(v_part, 100) and start < left(v_part, 100) || chr(1114111) limit ${MOST_WORDS} + 1);
    else
      v_keys := introzy_part_keys(v_organization_id, v_part);
      if v_keys = '{}' then
        return null;
      end if;
      v_words := array(select word from contact_words
        where introzy_part_keys(organization_id, word) @> v_keys and (organization_id = v_organization_id) is true
          and case v_place when 'end' then right(word, length(v_part)) = v_part else strpos(word, v_part) > 0 end
        limit ${MOST_WORDS} + 1);
    end if;
    return case when cardinality(v_words) <= ${MOST_WORDS} then v_words end;
  end $$`,
  // SQL that finds, by the index of words, the contacts that a pattern of introzy_found_contacts may match: ` and …`. Words of
  // which the pattern has a part are looked up, and whole words need no look. Gives null where the index can answer nothing of
  // the pattern.
  `create function introzy_word_condition(p_pattern jsonb) returns text
  language plpgsql stable set search_path = ${schema}, pg_temp as $$
  declare
    v_words text[] := array(select jsonb_array_elements_text(p_pattern -> 'whole'));
    v_condition text;
  begin
    if cardinality(v_words) > 0 then
      v_condition := format(' and ${KEYS} @> %L::bigint[]', introzy_word_keys(introzy_organization_id(), v_words));
    end if;
    if p_pattern -> 'part' is null then
      return v_condition;
    end if;
    v_words := introzy_sought_words(p_pattern);
    if v_words is null then
      return v_condition;
    end if;
    return coalesce(v_condition, '') || ' and (' || coalesce((
      select string_agg(format('${KEYS} && %L::bigint[]', keys), ' or ') from (
        select introzy_word_keys(introzy_organization_id(), array_agg(word)) as keys
          from unnest(v_words) with ordinality sought (word, n) group by n / ${WORDS_AT_ONCE}) share), 'false') || ')';
  end $$`,
  // The ids of the transaction's organization's living contacts, from `p_from` on, newest first, that have the words of every
  // pattern: whoever asks compares the texts. Null where the index does not find them, or where they are too many. Of the
  // parts of words, the two with the fewest words are asked; each statement's plan is kept.
  `create function introzy_newest_with_words(p_patterns jsonb, p_from uuid) returns uuid[]
  language plpgsql stable security definer set search_path = ${schema}, pg_temp
    set max_parallel_workers_per_gather = 0 set enable_seqscan = off set enable_indexscan = off
    set plan_cache_mode = force_generic_plan set work_mem = '64MB' as $$
  declare
    v_organization_id uuid := introzy_organization_id();
    v_pattern jsonb;
    v_words text[];
    v_whole text[] := '{}';
    v_all bigint[];
    v_any bigint[];
    v_fewest bigint[];
    v_few bigint[];
    v_ids uuid[];
  begin
    if exists (select from contacts where organization_id = v_organization_id and form < 2) then
      return null;
    end if;
    for v_pattern in select jsonb_array_elements(p_patterns) loop
      v_whole := v_whole || array(select jsonb_array_elements_text(v_pattern -> 'whole'));
      continue when v_pattern -> 'part' is null;
      v_words := introzy_sought_words(v_pattern);
      if v_words = '{}' then
        return '{}';
      elsif cardinality(v_words) = 1 then
        v_whole := v_whole || v_words;
      elsif cardinality(v_words) <= ${WORDS_AT_ONCE} then
        v_any := introzy_word_keys(v_organization_id, v_words);
        if v_fewest is null or cardinality(v_any) < cardinality(v_fewest) then
          v_few := v_fewest;
          v_fewest := v_any;
        elsif v_few is null or cardinality(v_any) < cardinality(v_few) then
          v_few := v_any;
        end if;
      end if;
    end loop;
    v_all := introzy_word_keys(v_organization_id, v_whole);
    if v_all is null and v_fewest is null then
      return null;
    elsif v_fewest is null then
      v_ids := ${newest('@> v_all')};
    elsif v_all is null and v_few is null then
      v_ids := ${newest('&& v_fewest')};
    elsif v_all is null then
      v_ids := ${newest('&& v_fewest', '&& v_few')};
    elsif v_few is null then
      v_ids := ${newest('@> v_all', '&& v_fewest')};
    else
      v_ids := ${newest('@> v_all', '&& v_fewest', '&& v_few')};
    end if;
    return case when cardinality(v_ids) <= ${MOST_CONTACTS} then v_ids end;
  end $$`,
  // Of the words, those that no contact of the transaction's organization has, deleted contacts included.
  `create function introzy_unused_words(p_words text[]) returns setof text
  language sql stable security definer set search_path = ${schema}, pg_temp as $$
    select word from unnest(p_words) word
      where not exists (
        select from contacts where organization_id = introzy_organization_id() and folded is not null
          and ${KEYS} @> introzy_word_keys(introzy_organization_id(), array[word.word]))
  $$`,
  `create function introzy_organizations_with_words_left() returns setof uuid
  language sql stable security definer set search_path = ${schema}, pg_temp as $$
    select distinct organization_id from contact_words_left
  $$`,
  'grant introzy_lookup to current_user',
  `grant create on schema ${schema} to introzy_lookup`,
  ...['introzy_sought_words(jsonb)', 'introzy_word_condition(jsonb)'].flatMap((signature) => [
    `revoke execute on function ${signature} from public`,
    `grant execute on function ${signature} to introzy_lookup`,
  ]),
  ...Object.entries(functions).flatMap(([signature, role]) => [
    `revoke execute on function ${signature} from public`,
    `grant execute on function ${signature} to ${role}`,
    `alter function ${signature} owner to introzy_lookup`,
  ]),
  `revoke create on schema ${schema} from introzy_lookup`,
  'revoke introzy_lookup from current_user',
];
