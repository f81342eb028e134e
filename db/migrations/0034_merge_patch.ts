import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

/** A contact's custom fields are changed by JSON merge patches (RFC 7396). */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [mergePatch, size, patched]) await sql.raw(statement).execute(db);
}

// The algorithm of RFC 7396, section 2. The service takes patches of at most 64 levels.
const mergePatch = `
  create function introzy_merge_patch(p_target jsonb, p_patch jsonb) returns jsonb
  language plpgsql immutable parallel safe as $$
  declare
    v_target jsonb := case when jsonb_typeof(p_target) = 'object' then p_target else '{}' end;
  begin
    if jsonb_typeof(p_patch) <> 'object' then
      return p_patch;
    end if;
    return (
      select coalesce(jsonb_object_agg(key, value), '{}') from (
        select key, value from jsonb_each(v_target) where not p_patch ? key
        union all
        select key, case jsonb_typeof(value) when 'object' then introzy_merge_patch(v_target -> key, value) else value end
          from jsonb_each(p_patch) where value <> 'null'
      ) merged);
  end $$`;

// The characters of a value's JSON without blanks, as the service counts them: jsonb writes a blank after each colon and
// comma. So the blanks are those that are left when the texts are taken out.
const size = `
  create function introzy_json_size(p_value jsonb) returns int
  language sql immutable parallel safe as $$
    select char_length(written) - char_length(regexp_replace(
        regexp_replace(written, '"([^"\\\\]|\\\\.)*"', '', 'g'), '[^ ]', '', 'g'))
      from (select p_value::text as written) value
  $$`;

// The patched fields. Many patches must not make a contact grow without bound: raises IZ413, whose message is p_row, where
// the fields grow beyond p_most characters.
const patched = `
  create function introzy_patched_fields(p_target jsonb, p_patch jsonb, p_most int, p_row text) returns jsonb
  language plpgsql immutable parallel safe as $$
  declare
    v_fields jsonb := introzy_merge_patch(p_target, p_patch);
  begin
    if octet_length(v_fields::text) > p_most and introzy_json_size(v_fields) > greatest(p_most, introzy_json_size(p_target)) then
      raise exception '%', p_row using errcode = 'IZ413';
    end if;
    return v_fields;
  end $$`;
