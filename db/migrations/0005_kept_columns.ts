import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

/**
 * `contacts.document` and `contacts.search` become ordinary columns, which a trigger keeps: the form of an ordinary
 * column can change row by row, and the form of a generated column only by a rewrite of the table.
 *
 * `contacts.form` is the number of the form in which `name_key`, `email_key` and `company_key` were written. Form 1 is
 * the form of every row so far. Form 0 marks a row whose writer did not name a form, and so does not know the column.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ schema: string }>`select quote_ident(current_schema()) as schema`.execute(db);
  const schema = rows[0]?.schema ?? 'public';
  for (const part of [columns, triggers, lookups(schema)]) {
    for (const statement of part) await sql.raw(statement).execute(db);
  }
}

const columns = [
  // The rows so far get the first default without a rewrite, new rows get the second default.
  'alter table contacts add form smallint not null default 1',
  'alter table contacts alter form set default 0',
  'alter table contacts alter document drop expression, alter search drop expression',
];

// The regular expression of migration 0001: control characters and punctuation that are directly before a word.
const BREAKS_BEFORE_WORD =
  '([\\t-\\r!-/:-@\\[-`{-~\\u00a0-\\u00bf\\u2000-\\u206f\\u3000-\\u303f]+)(?=[^ \\t-\\r!-/:-@\\[-`{-~\\u00a0-\\u00bf\\u2000-\\u206f\\u3000-\\u303f])';
const iso = (date: string) => `to_char(${date} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

const triggers = [
  // Names nothing of ours, because whoever restores a dump, or repairs rows, may have an empty search path.
  `create function introzy_keep_contact() returns trigger language plpgsql as $$
  begin
    if tg_op = 'INSERT' then
      new.form := abs(new.form);
    elsif new.form < 0 then
      -- The statement's keys are in form -new.form, and keys that the statement did not write are in form old.form.
      new.form := least(old.form, -new.form);
    elsif new.form = old.form and (new.name, new.email, new.company, new.name_key, new.email_key, new.company_key)
        is distinct from (old.name, old.email, old.company, old.name_key, old.email_key, old.company_key) then
      new.form := 0;
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
  end $$`,
  `create trigger keep before insert or update on contacts for each row execute function introzy_keep_contact()`,
];

const lookups = (schema: string) => [
  // Finds contacts whose keys are in an older form than `p_form`, in all organizations. EXECUTE makes the form a
  // constant, so that the planner can use a partial index such as `where form < 1`. For the owner alone.
  `create function introzy_contacts_before_form(p_form int, p_limit int)
  returns table (organization_id uuid, id uuid)
  language plpgsql stable security definer set search_path = ${schema}, pg_temp as $$
  begin
    return query execute format(
      'select organization_id, id from contacts where form < %s order by organization_id, id limit %s', p_form, p_limit);
  end $$`,
  'grant select (form) on contacts to introzy_lookup',
  'grant introzy_lookup to current_user',
  `grant create on schema ${schema} to introzy_lookup`,
  'alter function introzy_contacts_before_form(int, int) owner to introzy_lookup',
  'revoke execute on function introzy_contacts_before_form(int, int) from public',
  'grant execute on function introzy_contacts_before_form(int, int) to current_user',
  `revoke create on schema ${schema} from introzy_lookup`,
  'revoke introzy_lookup from current_user',
];
