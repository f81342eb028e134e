import { asOperator } from '../../db/admission.ts';
import type { Database } from '../../db/open.ts';
import { getOwner } from '../../db/people.ts';
import type { KeySecrets } from '../../server/auth/keySecret.ts';
import { issueKey, setUpOrganization } from '../../server/start/setup.ts';
import { runAs } from '../helpers/database.ts';

export interface SeedSize {
  contacts: number;
  keys: number;
  organizations: number;
}

/** UUIDs of version 7 that sort by the number `i`. */
const IDS = `('01890000-' || lpad(to_hex(i >> 16), 4, '0') || '-7000-8000-' || lpad(to_hex(i & 65535), 4, '0') || '00000000')`;

/**
 * Loads one large organization and many small organizations by SQL. Of the large organization's contacts every fifth is
 * of the company "Northwind", and 20 in 1,000,000 are named "Zebulon". Gives the large organization's id, and a key.
 */
export async function seed({
  db,
  keySecrets,
  adminUrl,
  size,
}: {
  db: Database;
  keySecrets: KeySecrets;
  adminUrl: string;
  size: SeedSize;
}) {
  const made = await setUpOrganization(db, keySecrets, { name: 'Large', email: 'owner@example.com' });
  if (!made) throw new Error('The database is not empty');
  const { id } = made.organization;
  const [indexes] = await runAs(adminUrl, [
    `select indexname, indexdef from pg_indexes where tablename = 'contacts' and indexname <> 'contacts_pkey'`,
  ]);
  const definitions = (indexes?.rows ?? []) as { indexname: string; indexdef: string }[];
  await runAs(adminUrl, [
    ...definitions.map(({ indexname }) => `drop index ${indexname}`),
    `insert into organizations (id, name)
       select gen_random_uuid(), 'Small ' || i from generate_series(1, ${size.organizations}) i`,
    insertContacts(
      `select '${id}'::uuid as organization_id, ${IDS}::uuid as id, i from generate_series(1, ${size.contacts}) i`,
    ),
    insertContacts(
      `select organizations.id as organization_id, gen_random_uuid() as id, i
         from organizations, generate_series(1, 20) i where organizations.id <> '${id}'`,
    ),
    `insert into api_keys (organization_id, id, name, hint, scopes, created_by_type, created_by_id, created_by_name, expires_at)
       select '${id}', gen_random_uuid(), 'Key ' || i, '00000000', '{contacts:read}', 'person', 'o', 'o', now() + interval '90 days'
         from generate_series(1, ${size.keys}) i`,
    `insert into api_key_secrets (organization_id, api_key_id, digest, secret_id, expires_at)
       select organization_id, id, sha256(id::text::bytea), 'k', expires_at from api_keys where hint = '00000000'`,
    `set maintenance_work_mem = '1GB'`,
    ...definitions.map(({ indexdef }) => indexdef),
    'vacuum analyze',
    'checkpoint',
  ]);
  const tenant = asOperator(db, id);
  const issuedBy = { type: 'person', id: (await getOwner(tenant, id)).id } as const;
  const { key } = await issueKey(tenant, keySecrets, { organizationId: id, name: 'Bench', issuedBy });
  return { organizationId: id, key };
}

const insertContacts = (source: string) => `
  insert into contacts (organization_id, id, name, email, phone, company, title, location, linkedin_url, notes, tags,
    custom_fields, name_key, email_key, company_key)
  select organization_id, id, name, email, '+1 555 ' || i, company, 'Engineer', 'Berlin',
    'https://www.linkedin.com/in/person-' || i, 'Met at the conference', array['customer', 'vip'],
    '{"tier": "gold", "score": 5}', lower(name), email, lower(company)
  from (
    select organization_id, id, i,
      case when i % 50000 = 7 then 'Zebulon ' else 'Person ' end || md5(i::text) as name,
      'person' || i || '@example.com' as email,
      case when i % 5 = 0 then 'Northwind' else 'Company ' || i % 1000 end as company
    from (${source}) source
  ) rows`;
