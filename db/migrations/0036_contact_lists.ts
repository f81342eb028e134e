import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

/**
 * `contact_tags` has a row for each tag of each contact in form 2 or later, with the values by which lists are sorted, so
 * that a tag's contacts are read in the order of each sort. A trigger keeps the rows. The rows of contacts that were there
 * before come with their form, by db/contactForm.ts.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ schema: string }>`select quote_ident(current_schema()) as schema`.execute(db);
  const schema = rows[0]?.schema ?? 'public';
  for (const statement of [...tags(schema), ...lookups(schema)]) await sql.raw(statement).execute(db);
}

export const accepts = [
  {
    effect: 'adds the trigger contacts.keep_tags',
    because: 'raises nothing, and writes into a table that the version before does not know',
  },
  {
    effect: 'adds the trigger contacts.keep_tags_of_change',
    because: 'raises nothing, and writes into a table that the version before does not know',
  },
];

const tags = (schema: string) => [
  `create table contact_tags (
    organization_id uuid not null,
    contact_id uuid not null,
    tag_key text collate "C" not null,
    is_deleted boolean not null,
    updated_at timestamptz(3) not null,
    name_fold text collate "C" not null,
    primary key (organization_id, contact_id, tag_key),
    foreign key (organization_id, contact_id) references contacts on delete cascade
  )`,
  'create index contact_tags_created_at on contact_tags (organization_id, is_deleted, tag_key, contact_id)',
  'create index contact_tags_updated_at on contact_tags (organization_id, is_deleted, tag_key, updated_at, contact_id)',
  'create index contact_tags_name on contact_tags (organization_id, is_deleted, tag_key, name_fold, contact_id)',
  'alter table contact_tags enable row level security',
  'alter table contact_tags force row level security',
  `create policy tenant on contact_tags using (organization_id = introzy_organization_id())
    with check (organization_id = introzy_organization_id())`,
  'grant select, insert, delete, update (is_deleted, updated_at, name_fold) on contact_tags to introzy_app',
  // Names the schema, because whoever restores a dump, or repairs rows, may have an empty search path. The statements name
  // the contact alone, and not the tag: PostgreSQL would else take the index of a sort, and read all contacts of the tag.
  `create function introzy_keep_contact_tags() returns trigger language plpgsql as $$
  begin
    if tg_op = 'UPDATE' and cardinality(old.tag_keys) > 0 then
      if new.tag_keys = old.tag_keys then
        update ${schema}.contact_tags
          set is_deleted = new.deleted_at is not null, updated_at = new.updated_at, name_fold = new.name_fold
          where organization_id = old.organization_id and contact_id = old.id;
        return null;
      end if;
      delete from ${schema}.contact_tags where organization_id = old.organization_id and contact_id = old.id;
    end if;
    if cardinality(new.tag_keys) > 0 then
      insert into ${schema}.contact_tags (organization_id, contact_id, tag_key, is_deleted, updated_at, name_fold)
        select distinct new.organization_id, new.id, key, new.deleted_at is not null, new.updated_at, new.name_fold
          from unnest(new.tag_keys) key;
    end if;
    return null;
  end $$`,
  `create trigger keep_tags after insert on contacts for each row when (new.tag_keys <> '{}')
    execute function introzy_keep_contact_tags()`,
  `create trigger keep_tags_of_change after update on contacts for each row
    when ((${['tag_keys', 'deleted_at', 'updated_at', 'name_fold'].map((name) => `old.${name} is distinct from new.${name}`).join(' or ')})
      and (old.tag_keys <> '{}' or new.tag_keys <> '{}'))
    execute function introzy_keep_contact_tags()`,
];

const SIGNATURE = 'introzy_found_contacts(jsonb, int)';
const text = (name: string) => `(p_conditions ->> '${name}')`;
const texts = (name: string) => `array(select jsonb_array_elements_text(p_conditions -> '${name}'))`;
/** SQL of a condition, where the caller asks for the condition: ` and …`, else the empty text. */
const ifAsked = (name: string, condition: string) =>
  `case when p_conditions -> '${name}' is null then '' else ' and ${condition}' end`;

const lookups = (schema: string) => [
  // Finds matching contacts of the transaction's organization by an index, as introzy_matching_contacts does, whose reasons
  // hold here too, up to `p_limit` of them, in no order. A materialized expression is planned for all of its rows: PostgreSQL
  // would else walk an index in the hope of early matches. Nor is the statement worth other processes, or a look at all
  // contacts: the planner knows little of how many contacts have a key. With less memory a bitmap forgets which
  // contacts of a page it means, and the words of all contacts of the page are made anew to find them: 30 s for 100,000 matches.
  //
  // `terms` is a list of terms that must all match; a term is a list of alternatives, an alternative a list of patterns
  // that must all match: [[[{"like": "%ann%", …}]], [[{"like": "%555%", …}, {"like": "% 12%", …}], [{"like": "%55512%", …}]]].
  // introzy_word_condition says what else a pattern has. Where no index finds few enough words of the terms, and no other
  // condition has an index, a call that `mayGiveUp` answers with `p_limit` empty rows, as if too many matched. `patterns`, `plainTags` and `companyKey` are for
  // contacts in a form before 2. Such contacts are few: the condition names them only where there are any. `createdFrom`
  // is an id that is surely older than `createdSince`. `fields` are objects of which any must be in the custom fields.
  `create function introzy_found_contacts(p_conditions jsonb, p_limit int)
  returns table (id uuid, updated_at timestamptz, name_fold text)
  language plpgsql stable security definer set search_path = ${schema}, pg_temp
    set max_parallel_workers_per_gather = 0 set enable_seqscan = off set enable_indexscan = off set work_mem = '64MB' as $$
  declare
    v_own text := 'organization_id = introzy_organization_id()';
    v_living text := 'deleted_at is null';
    v_matches text;
    v_company text := ${ifAsked('company', 'company_fold = $3')};
    v_terms text;
    v_is_indexed boolean;
  begin
    if v_company <> '' and (p_conditions -> 'includeDeleted')::boolean then
      -- Each of the two cases has an index of its own.
      v_company := ' and (company_fold = $3 and deleted_at is null or company_fold = $3 and deleted_at is not null)';
    end if;
    -- Each level has what the level below has found, and whether an index can find it.
    select coalesce(string_agg(' and (' || alternatives || ')', ''), ''), coalesce(bool_or(is_indexed), true)
      into v_terms, v_is_indexed
      from (
        select string_agg(patterns, ' or ') as alternatives, bool_and(is_indexed) as is_indexed from (
          select n, found.* from jsonb_array_elements(p_conditions -> 'terms') with ordinality term (term, n),
            jsonb_array_elements(term) alternative, lateral (
              select string_agg(format('folded like %L', pattern ->> 'like') || coalesce(words, ''), ' and ') as patterns,
                  coalesce(bool_or(words is not null), false) as is_indexed
                from jsonb_array_elements(alternative) pattern, introzy_word_condition(pattern) words) found
        ) alternatives group by n) terms;
    if not v_is_indexed and (p_conditions -> 'mayGiveUp')::boolean
        and not p_conditions ?| array['company', 'tags', 'phones', 'fields'] then
      return query select null::uuid, null::timestamptz, null::text from generate_series(1, p_limit);
      return;
    end if;
    if v_terms <> '' and v_is_indexed or p_conditions -> 'tags' is not null then
      -- The keys are an organization's own. Written so, no index of all of an organization's contacts answers these conditions.
      v_own := '(organization_id = introzy_organization_id()) is true';
      v_living := '(deleted_at is null) is true';
    end if;
    v_matches := 'folded is not null' || v_company || v_terms
      || ${ifAsked('tags', 'introzy_word_keys(organization_id, introzy_words(folded, tag_keys)) @> introzy_word_keys(introzy_organization_id(), $10) and tag_keys @> $1')}
      || ${ifAsked('phones', "phone_keys <> ''{}'' and phone_keys && $9")};
    if exists (select from contacts where organization_id = introzy_organization_id() and form < 2) then
      v_matches := '(' || v_matches || ' or organization_id = introzy_organization_id() and form < 2'
        || coalesce((select string_agg(format(' and search like %L', pattern), '')
          from jsonb_array_elements_text(p_conditions -> 'patterns') pattern), '')
        || ${ifAsked('plainTags', 'tags @> $2')} || ${ifAsked('companyKey', 'company_key = $4')}
        || ${ifAsked('phones', 'false')} || ')';
    end if;
    return query execute
      'with matching as materialized (
        select id, updated_at, name_fold from contacts where ' || v_own || ' and ' || v_matches
      || coalesce((select ' and custom_fields <> ''{}'' and (' || string_agg(format('custom_fields @> %L', field), ' or ') || ')'
          from jsonb_array_elements(p_conditions -> 'fields') field having count(*) > 0), '')
      || ${ifAsked('updatedSince', 'updated_at >= $5')}
      || ${ifAsked('createdSince', 'id >= $6 and created_at >= $7')}
      || case when (p_conditions -> 'includeDeleted')::boolean then '' else ' and ' || v_living end
      || ${ifAsked('onlyDeleted', 'deleted_at is not null')}
      || ') select * from matching limit $8'
      using ${texts('tags')}, ${texts('plainTags')}, ${text('company')}, ${text('companyKey')},
        ${text('updatedSince')}::timestamptz, ${text('createdFrom')}::uuid, ${text('createdSince')}::timestamptz, p_limit, ${texts('phones')},
        ${texts('tagWords')};
  end $$`,
  'grant select (name_fold, company_fold, company_key, custom_fields, created_at) on contacts to introzy_lookup',
  'grant introzy_lookup to current_user',
  `grant create on schema ${schema} to introzy_lookup`,
  `revoke execute on function ${SIGNATURE} from public`,
  `grant execute on function ${SIGNATURE} to introzy_app`,
  `alter function ${SIGNATURE} owner to introzy_lookup`,
  `revoke create on schema ${schema} from introzy_lookup`,
  'revoke introzy_lookup from current_user',
];
