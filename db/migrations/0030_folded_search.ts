import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

/**
 * `contacts.folded` is the text that a search looks in: a line for each field, folded by the service. `contacts.tag_keys`
 * has the tags as they are compared, `contacts.phone_keys` the keys of all phones (see shared/phones.ts), and
 * `contacts.linkedin_key` the LinkedIn address. These belong to form 2 and to later forms: a row in an older form has
 * none, and is found by `search`, which instances of the version before look in.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ schema: string }>`select quote_ident(current_schema()) as schema`.execute(db);
  const schema = rows[0]?.schema ?? 'public';
  for (const statement of [...columns, trigger, ...lookups(schema)]) await sql.raw(statement).execute(db);
}

const columns = [
  'alter table contacts add folded text, add tag_keys text[], add phone_keys text[], add linkedin_key text',
  `alter table contacts add other_emails text[] not null default '{}', add other_email_keys text[] not null default '{}',
    add other_phones text[] not null default '{}'`,
  'grant select (folded, tag_keys, phone_keys) on contacts to introzy_lookup',
];

export const accepts = [
  {
    effect: 'changes the function introzy_keep_contact()',
    because:
      'keeps what the function kept for the version before, and also marks a row where a writer that names no form changes a further field that a search looks in',
  },
];

// The regular expression of migration 0001: control characters and punctuation that are directly before a word.
const BREAKS_BEFORE_WORD =
  '([\\t-\\r!-/:-@\\[-`{-~\\u00a0-\\u00bf\\u2000-\\u206f\\u3000-\\u303f]+)(?=[^ \\t-\\r!-/:-@\\[-`{-~\\u00a0-\\u00bf\\u2000-\\u206f\\u3000-\\u303f])';
const iso = (date: string) => `to_char(${date} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const SEARCHED = ['name', 'email', 'phone', 'company', 'title', 'location', 'notes', 'tags'];
const KEYS = ['name_key', 'email_key', 'company_key', 'folded', 'tag_keys'];
const row = (of: string, columns: readonly string[]) => `(${columns.map((column) => `${of}.${column}`).join(', ')})`;

// Names nothing of ours, because whoever restores a dump, or repairs rows, may have an empty search path.
const trigger = `create or replace function introzy_keep_contact() returns trigger language plpgsql as $$
  begin
    if tg_op = 'INSERT' then
      new.form := abs(new.form);
    elsif new.form < 0 then
      -- The statement's keys are in form -new.form, and keys that the statement did not write are in form old.form.
      new.form := least(old.form, -new.form);
    elsif new.form = old.form and ${row('new', [...SEARCHED, ...KEYS])}
        is distinct from ${row('old', [...SEARCHED, ...KEYS])} then
      new.form := 0;
    end if;
    if new.folded is null or new.tag_keys is null then
      new.form := least(new.form, 1);
    end if;
    if new.form < 2 then
      new.folded := null;
      new.tag_keys := null;
    end if;
    if tg_op = 'INSERT' or (new.name_key, new.email_key, new.company_key, new.search)
        is distinct from (old.name_key, old.email_key, old.company_key, old.search) then
      new.search := regexp_replace(
        ' ' || new.name_key || ' ' || coalesce(new.email_key, '') || ' ' || coalesce(new.company_key, ''),
        '${BREAKS_BEFORE_WORD}', '\\1 ', 'g');
    end if;
    new.document := (
      select row_to_json(contact)::text from (
        select new.id as "id", new.organization_id as "organizationId", new.name as "name", new.email as "email",
          new.phone as "phone", new.company as "company", new.title as "title", new.location as "location",
          new.linkedin_url as "linkedinUrl", new.notes as "notes", new.tags as "tags",
          new.custom_fields as "customFields", ${iso('new.created_at')} as "createdAt",
          ${iso('new.updated_at')} as "updatedAt", ${iso('new.deleted_at')} as "deletedAt", new.version as "version"
      ) contact
    );
    return new;
  end $$`;

const SIGNATURE = 'introzy_found_contacts(jsonb, text, text[], text, timestamptz, boolean, uuid, int)';
const lookups = (schema: string) => [
  // Finds the newest matching contacts of the transaction's organization by an index, as introzy_matching_contacts does,
  // whose reasons hold here too. `p_terms` is a list of terms that must all match; a term is a list of alternatives, an
  // alternative a list of patterns that must all match: [[["%ann%"]], [["%555%", "% 12%"], ["%55512%"]]]. `p_patterns` and
  // `p_tag` are for contacts in a form before 2. Such contacts are few: the condition names them only where there are any.
  `create function introzy_found_contacts(
    p_terms jsonb, p_tag_key text, p_patterns text[], p_tag text,
    p_updated_since timestamptz, p_include_deleted boolean, p_from uuid, p_limit int)
  returns setof uuid language plpgsql stable security definer set search_path = ${schema}, pg_temp as $$
  declare
    v_matches text;
  begin
    v_matches := 'folded is not null' || coalesce((
        select string_agg(' and (' || alternatives || ')', '') from (
          select string_agg(patterns, ' or ') as alternatives from (
            select n, (select string_agg(format('folded like %L', pattern #>> '{}'), ' and ')
                from jsonb_array_elements(alternative) pattern) as patterns
              from jsonb_array_elements(p_terms) with ordinality term (term, n), jsonb_array_elements(term) alternative
          ) alternatives group by n) terms), '')
      || case when p_tag_key is null then '' else ' and tag_keys @> array[$1]' end;
    if exists (select from contacts where organization_id = introzy_organization_id() and form < 2) then
      v_matches := '(' || v_matches || ' or folded is null'
        || coalesce((select string_agg(format(' and search like $2[%s]', n), '') from generate_subscripts(p_patterns, 1) n), '')
        || case when p_tag is null then '' else ' and tags @> array[$3]' end || ')';
    end if;
    return query execute
      'select id from (select id from contacts where organization_id = introzy_organization_id() and ' || v_matches
      || case when p_updated_since is null then '' else ' and updated_at >= $4' end
      || case when p_include_deleted then '' else ' and deleted_at is null' end
      || case when p_from is null then '' else ' and id <= $5' end
      || ' offset 0) matches order by id desc limit $6'
      using p_tag_key, p_patterns, p_tag, p_updated_since, p_from, p_limit;
  end $$`,
  'grant introzy_lookup to current_user',
  `grant create on schema ${schema} to introzy_lookup`,
  `revoke execute on function ${SIGNATURE} from public`,
  `grant execute on function ${SIGNATURE} to introzy_app`,
  `alter function ${SIGNATURE} owner to introzy_lookup`,
  `revoke create on schema ${schema} from introzy_lookup`,
  'revoke introzy_lookup from current_user',
];
