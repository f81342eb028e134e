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
  const { rows } = await sql<{ schema: string }>`select quote_ident(current_schema()) as schema`.execute(db);
  const schema = rows[0]?.schema ?? 'public';
  for (const statement of [...columns, trigger, ...emails(schema)]) await sql.raw(statement).execute(db);
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
      'keeps what the function kept for the version before, and also marks a row where a writer that names no form changes a further field of those that have keys',
  },
  ...['take_emails', 'take_emails_anew', 'note_emails', 'note_emails_anew'].map((trigger) => ({
    effect: `adds the trigger contacts.${trigger}`,
    because: 'refuses only an email that another contact has as another email, which the version before cannot write',
  })),
];

// The regular expression of migration 0001: control characters and punctuation that are directly before a word.
const BREAKS_BEFORE_WORD =
  '([\\t-\\r!-/:-@\\[-`{-~\\u00a0-\\u00bf\\u2000-\\u206f\\u3000-\\u303f]+)(?=[^ \\t-\\r!-/:-@\\[-`{-~\\u00a0-\\u00bf\\u2000-\\u206f\\u3000-\\u303f])';
const iso = (date: string) => `to_char(${date} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const KEPT = ['name', 'email', 'phone', 'company', 'title', 'location', 'notes', 'tags', 'linkedin_url'];
const KEYS = [
  'name_key',
  'email_key',
  'company_key',
  'folded',
  'tag_keys',
  'phone_keys',
  'linkedin_key',
  'company_fold',
  'name_fold',
];
const row = (of: string, columns: readonly string[]) => `(${columns.map((column) => `${of}.${column}`).join(', ')})`;

// Names nothing of ours, because whoever restores a dump, or repairs rows, may have an empty search path.
const trigger = `create or replace function introzy_keep_contact() returns trigger language plpgsql as $$
  begin
    if tg_op = 'INSERT' then
      new.form := abs(new.form);
    elsif new.form < 0 then
      -- The statement's keys are in form -new.form, and keys that the statement did not write are in form old.form.
      new.form := least(old.form, -new.form);
    elsif new.form = old.form and ${row('new', [...KEPT, ...KEYS])}
        is distinct from ${row('old', [...KEPT, ...KEYS])} then
      new.form := 0;
    end if;
    if new.folded is null or new.tag_keys is null or new.phone_keys is null then
      new.form := least(new.form, 1);
    end if;
    if new.form < 2 then
      new.folded := null;
      new.tag_keys := null;
      new.phone_keys := null;
      new.linkedin_key := null;
      new.company_fold := null;
      new.name_fold := '';
    end if;
    -- The version before knows no other emails, and may write such an email as the contact's email.
    if new.email_key = any (new.other_email_keys) then
      select coalesce(array_agg(email order by place), '{}'), coalesce(array_agg(key order by place), '{}')
        into new.other_emails, new.other_email_keys
        from unnest(new.other_emails, new.other_email_keys) with ordinality other (email, key, place)
        where key <> new.email_key;
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
          new.phone as "phone", new.other_emails as "otherEmails", new.other_phones as "otherPhones",
          new.company as "company", new.title as "title", new.location as "location",
          new.linkedin_url as "linkedinUrl", new.notes as "notes", new.tags as "tags",
          new.custom_fields as "customFields", ${iso('new.created_at')} as "createdAt",
          ${iso('new.updated_at')} as "updatedAt", ${iso('new.deleted_at')} as "deletedAt", new.version as "version"
      ) contact
    );
    return new;
  end $$`;

/** Locks of emails are of so many kinds an organization: the locks of a call stay few, however many emails it names. */
const BUCKETS = 64;
const bucket = (key: string) => `(hashtext(${key}) & ${BUCKETS - 1})`;
const lock = (organization: string, number: string) => `hashtextextended(${organization}::text, ${number})`;

/**
 * An email is unique among the living contacts of an organization, `other_emails` included. The index `contacts_email` tells
 * `email_key` apart, the key of `contact_emails` the others, and locks that a transaction holds to its end what is in
 * both: whoever writes an `email_key` holds a shared lock and then looks into `contact_emails`; whoever writes another
 * email holds an exclusive lock and then looks at `email_key`.
 */
const emails = (schema: string) => [
  `create table contact_emails (
    organization_id uuid not null,
    email_key text not null,
    contact_id uuid not null,
    primary key (organization_id, email_key),
    foreign key (organization_id, contact_id) references contacts on delete cascade
  )`,
  'create index contact_emails_contact on contact_emails (organization_id, contact_id)',
  'alter table contact_emails enable row level security',
  'alter table contact_emails force row level security',
  `create policy tenant on contact_emails using (organization_id = introzy_organization_id())
    with check (organization_id = introzy_organization_id())`,
  'grant select, insert, delete on contact_emails to introzy_app',

  // Takes the locks of emails in an order that all transactions keep to. A statement that writes several contacts would
  // take them in the order of the contacts.
  `create function introzy_lock_emails(p_organization_id uuid, p_keys text[], p_other_keys text[]) returns void
  language plpgsql as $$
  declare
    v_lock record;
  begin
    for v_lock in
      select ${bucket('key')} as number, bool_or(is_other) as is_exclusive
        from (select unnest(p_keys) as key, false as is_other union all select unnest(p_other_keys), true) keys
          where key is not null
        group by 1 order by 1
    loop
      if v_lock.is_exclusive then
        perform pg_advisory_xact_lock(${lock('p_organization_id', 'v_lock.number')});
      else
        perform pg_advisory_xact_lock_shared(${lock('p_organization_id', 'v_lock.number')});
      end if;
    end loop;
  end $$`,

  // Refuses an email that another living contact has. Names the schema, because a session that repairs rows may have an
  // empty search path. Runs before the row is in an index, where another transaction would wait for this transaction.
  `create function introzy_take_emails() returns trigger language plpgsql as $$
  declare
    v_is_taken boolean;
  begin
    if new.other_email_keys = '{}' then
      perform pg_advisory_xact_lock_shared(${lock('new.organization_id', bucket('new.email_key'))});
    else
      perform ${schema}.introzy_lock_emails(new.organization_id, array[new.email_key], new.other_email_keys);
      v_is_taken := exists (
        select from ${schema}.contacts where organization_id = new.organization_id
          and email_key = any (new.other_email_keys) and deleted_at is null and id <> new.id
      ) or exists (
        select from ${schema}.contact_emails where organization_id = new.organization_id
          and email_key = any (new.other_email_keys) and contact_id <> new.id
      );
    end if;
    if v_is_taken or exists (
      select from ${schema}.contact_emails where organization_id = new.organization_id
        and email_key = new.email_key and contact_id <> new.id
    ) then
      raise exception using errcode = 'unique_violation', table = 'contact_emails', constraint = 'contact_emails_pkey',
        message = 'another contact has the email';
    end if;
    return new;
  end $$`,
  `create trigger take_emails before insert on contacts for each row
    when (new.deleted_at is null and (new.email_key is not null or new.other_email_keys <> '{}'))
    execute function introzy_take_emails()`,
  `create trigger take_emails_anew before update on contacts for each row
    when (new.deleted_at is null and (old.deleted_at is not null
      or (new.email_key, new.other_email_keys) is distinct from (old.email_key, old.other_email_keys)))
    execute function introzy_take_emails()`,

  `create function introzy_note_emails() returns trigger language plpgsql as $$
  begin
    if tg_op = 'UPDATE' then
      delete from ${schema}.contact_emails where organization_id = new.organization_id and contact_id = new.id
        and (new.deleted_at is not null or email_key <> all (new.other_email_keys));
    end if;
    if new.deleted_at is null then
      insert into ${schema}.contact_emails (organization_id, email_key, contact_id)
        select new.organization_id, key, new.id from unnest(new.other_email_keys) key
          where not exists (
            select from ${schema}.contact_emails
              where organization_id = new.organization_id and email_key = key and contact_id = new.id);
    end if;
    return null;
  end $$`,
  `create trigger note_emails after insert on contacts for each row
    when (new.deleted_at is null and new.other_email_keys <> '{}') execute function introzy_note_emails()`,
  `create trigger note_emails_anew after update on contacts for each row
    when (new.other_email_keys is distinct from old.other_email_keys
      or (new.deleted_at is null) <> (old.deleted_at is null) and new.other_email_keys <> '{}')
    execute function introzy_note_emails()`,
];
