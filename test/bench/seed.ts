import { runAs } from '../helpers/database.ts';

interface Seed {
  /** An organization with `contacts` contacts. */
  large: string;
  /** An organization with as many contacts, of which the newest 60 % are deleted. `undefined`: no such organization. */
  deleted: string | undefined;
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
 * 1,000,000 are named "Zebulon". Indexes are made after the rows, and everything is vacuumed and analyzed.
 */
export async function seed(adminUrl: string, { large, deleted, contacts }: Seed) {
  const [indexes, forms] = await runAs(adminUrl, [
    `select indexname, indexdef from pg_indexes where tablename = 'contacts' and indexname <> 'contacts_pkey'`,
    `select column_name from information_schema.columns where table_name = 'contacts' and column_name = 'form'`,
  ]);
  const definitions = (indexes?.rows ?? []) as { indexname: string; indexdef: string }[];
  // The service makes a contact anew that names no form.
  const form = forms?.rowCount === 1 ? '1' : undefined;
  const insert = (organizationId: string, deletedFrom: string) =>
    insertContacts(
      `select '${organizationId}'::uuid as organization_id, ${IDS} as id, i,
         case when i > ${deletedFrom} then now() end as deleted_at from generate_series(1, ${contacts}) i`,
      form,
    );
  await runAs(adminUrl, [
    ...definitions.map(({ indexname }) => `drop index ${indexname}`),
    `insert into organizations (id, name)
       select gen_random_uuid(), 'Small ' || i from generate_series(1, ${SMALL}) i`,
    insert(large, 'null'),
    ...(deleted === undefined ? [] : [insert(deleted, `${contacts * 0.4}`)]),
    insertContacts(
      `select organizations.id as organization_id, gen_random_uuid() as id, i, null::timestamptz as deleted_at
         from organizations, generate_series(1, 20) i where organizations.name like 'Small %'`,
      form,
    ),
    `insert into api_keys (organization_id, id, name, hint, scopes, created_by_type, created_by_id, created_by_name, expires_at)
       select '${large}', gen_random_uuid(), 'Key ' || i, '00000000', '{contacts:read}', 'person', 'o', 'o', now() + interval '90 days'
         from generate_series(1, ${KEYS}) i`,
    `insert into api_key_secrets (organization_id, api_key_id, digest, secret_id, expires_at)
       select organization_id, id, sha256(id::text::bytea), 'k', expires_at from api_keys where hint = '00000000'`,
    `set maintenance_work_mem = '1GB'`,
    ...definitions.map(({ indexdef }) => indexdef),
    'vacuum analyze',
    'checkpoint',
  ]);
}

const insertContacts = (source: string, form?: string) => `
  insert into contacts (organization_id, id, name, email, phone, company, title, location, linkedin_url, notes, tags,
    custom_fields, name_key, email_key, company_key, deleted_at${form ? ', form' : ''})
  select organization_id, id, name, email, '+1 555 ' || i, company, 'Engineer', 'Berlin',
    'https://www.linkedin.com/in/person-' || i, 'Met at the conference', array['customer', 'vip'],
    '{"tier": "gold", "score": 5}', lower(name), email, lower(company), deleted_at${form ? `, ${form}` : ''}
  from (
    select organization_id, id, i, deleted_at,
      case when i % 50000 = 7 then 'Zebulon ' else 'Person ' end || md5(i::text) as name,
      'person' || i || '@example.com' as email,
      case when i % 5 = 0 then 'Northwind' else 'Company ' || i % 1000 end as company
    from (${source}) source
  ) rows`;
