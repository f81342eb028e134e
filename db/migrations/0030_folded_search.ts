import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

/**
 * `contacts.folded` is the text that a search looks in: a line for each field, folded by the service. `contacts.tag_keys`
 * has the tags as they are compared, `contacts.phone_keys` the keys of all phones (see shared/phones.ts),
 * `contacts.linkedin_key` the LinkedIn address, and `contacts.company_fold` the company. These belong to form 2 and to later
 * forms: a row in an older form has none, and is found by `search`, which instances of the version before look in.
 *
 * `contacts.name_fold` is the name by which lists are sorted, by code points. A row in an older form has the empty text,
 * and so is before all others. Made anew, the row moves forward, where no reader of pages can miss the row.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [...columns, trigger]) await sql.raw(statement).execute(db);
}

const columns = [
  'alter table contacts add folded text, add tag_keys text[], add phone_keys text[], add linkedin_key text',
  `alter table contacts add other_emails text[] not null default '{}', add other_email_keys text[] not null default '{}',
    add other_phones text[] not null default '{}'`,
  `alter table contacts add company_fold text collate "C", add name_fold text collate "C" not null default ''`,
  'grant select (folded, tag_keys, phone_keys, company_fold, name_fold) on contacts to introzy_lookup',
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
const KEYS = ['name_key', 'email_key', 'company_key', 'folded', 'tag_keys', 'company_fold', 'name_fold'];
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
      new.company_fold := null;
      new.name_fold := '';
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
