import { runAs } from '../helpers/database.ts';
import { NOTES, piecesTable } from './notes.ts';

interface Seed {
  /** An organization with `contacts` contacts. */
  large: string;
  /** An organization with as many contacts, of which the newest 60 % are deleted. `undefined`: no such organization. */
  deleted: string | undefined;
  /** An organization with as many contacts, of which half have notes of 400 characters. `undefined`: no such organization. */
  noted: string | undefined;
  contacts: number;
}

/** Keys of the large organization, besides the organization's first key. */
const KEYS = 10_000;
/** Organizations with 20 contacts each. */
const SMALL = 1_000;

/** UUIDs of version 7 that sort by the number `i`. */
const IDS = `('01890000-' || lpad(to_hex(i >> 16), 4, '0') || '-7000-8000-' || lpad(to_hex(i & 65535), 4, '0') || '00000000')::uuid`;

/**
 * Fills organizations by SQL. Of the large organization's contacts every fifth is of the company "Northwind", and 20 in
 * 1,000,000 are named "Zebulon", and every thousandth "王李明". Indexes are made after the rows, and everything is vacuumed and analyzed.
 */
export async function seed(adminUrl: string, { large, deleted, noted, contacts }: Seed) {
  const [indexes] = await runAs(adminUrl, [
    `select indexname, indexdef from pg_indexes where tablename in ('contacts', 'contact_tags', 'contact_words') and indexname not like '%pkey'`,
  ]);
  const definitions = (indexes?.rows ?? []) as { indexname: string; indexdef: string }[];
  const numbered = (organizationId: string, deletedFrom = 'null') =>
    `select '${organizationId}'::uuid as organization_id, ${IDS} as id, i,
       case when i > ${deletedFrom} then now() end as deleted_at from generate_series(1, ${contacts}) i`;
  await runAs(adminUrl, [
    ...definitions.map(({ indexname }) => `drop index ${indexname}`),
    ...KEPT.map(({ trigger }) => `alter table contacts disable trigger ${trigger}`),
    `insert into organizations (id, name)
       select gen_random_uuid(), 'Small ' || i from generate_series(1, ${SMALL}) i`,
    insertContacts({ source: numbered(large) }),
    ...(deleted === undefined ? [] : [insertContacts({ source: numbered(deleted, `${contacts * 0.4}`) })]),
    ...(noted === undefined
      ? []
      : [
          ...piecesTable(),
          insertContacts({ source: numbered(noted), notes: `case when i % 2 = 0 then ${NOTES} end` }),
        ]),
    insertContacts({
      source: `select organizations.id as organization_id, gen_random_uuid() as id, i, null::timestamptz as deleted_at
         from organizations, generate_series(1, 20) i where organizations.name like 'Small %'`,
    }),
    `insert into api_keys (organization_id, id, name, hint, scopes, created_by_type, created_by_id, created_by_name, expires_at)
       select '${large}', gen_random_uuid(), 'Key ' || i, '00000000', '{contacts:read}', 'person', 'o', 'o', now() + interval '90 days'
         from generate_series(1, ${KEYS}) i`,
    `insert into api_key_secrets (organization_id, api_key_id, digest, secret_id, expires_at)
       select organization_id, id, sha256(id::text::bytea), 'k', expires_at from api_keys where hint = '00000000'`,
    `set maintenance_work_mem = '1GB'`,
    ...KEPT.map(({ trigger }) => `alter table contacts enable trigger ${trigger}`),
    // The organizations are known to be there: the foreign keys need no check.
    'set session_replication_role = replica',
    ...KEPT.map(({ fill }) => fill),
    'reset session_replication_role',
    ...definitions.map(({ indexdef }) => indexdef),
    'vacuum analyze',
    'checkpoint',
  ]);
}

/** What triggers keep beside each contact, and the statement that fills it for all contacts at once. */
const KEPT = [
  {
    trigger: 'keep_tags',
    fill: `insert into contact_tags (organization_id, is_deleted, tag_key, contact_id, updated_at, name_fold)
      select organization_id, deleted_at is not null, tag_key, id, updated_at, name_fold
        from contacts, unnest(tag_keys) tag_key order by 1, 2, 3, 4`,
  },
  {
    trigger: 'keep_words',
    fill: `insert into contact_words (organization_id, word)
      select distinct organization_id, word from contacts, unnest(introzy_words(folded, '{}')) word where word <> E'\\x1d'`,
  },
];

interface Source {
  /** SQL that gives `organization_id`, `id`, the number `i` and `deleted_at` of each contact. */
  source: string;
  /** SQL of a contact's notes, of which no word has a mark. */
  notes?: string;
}

/** The folded text is what the service would make of these names, which have no marks. */
const insertContacts = ({ source, notes = `'Met at the conference'` }: Source) => `
  insert into contacts (organization_id, id, name, email, phone, company, title, location, linkedin_url, notes, tags,
    custom_fields, name_key, email_key, company_key, deleted_at, updated_at, form, tag_keys, phone_keys,
    linkedin_key, name_fold, company_fold, folded)
  select organization_id, id, name, email, '+1 555 ' || i, company, 'Engineer', 'Berlin',
    'https://www.linkedin.com/in/person-' || i, notes, array['customer', 'vip'],
    '{"tier": "gold", "score": 5}', lower(name), email, lower(company), deleted_at,
    timestamptz '2026-01-01Z' + make_interval(secs => i), 2, array['customer', 'vip'],
    array['+1555' || i, 'i:' || right('1555' || i, 9)], 'in/person-' || i, lower(name), lower(company),
    concat_ws(E'\\n', ' ' || regexp_replace(lower(name), '(?<=[王李明])(?=[王李明])', ' ', 'g'), ' ' || lower(company),
      ' engineer', ' berlin', E' customer\\x1d vip', coalesce(' ' || lower(notes), ''),
      ' person' || i || '@ example. com', '', E'\\x1e 1555' || i, '')
  from (
    select organization_id, id, i, deleted_at, ${notes} as notes,
      case when i % 50000 = 7 then 'Zebulon ' when i % 1000 = 9 then '王李明 ' else 'Person ' end || md5(i::text) as name,
      'person' || i || '@example.com' as email,
      case when i % 5 = 0 then 'Northwind' else 'Company ' || i % 1000 end as company
    from (${source}) source
  ) rows`;
