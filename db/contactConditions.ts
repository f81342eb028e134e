import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { ContactConditions, SoughtField } from '../shared/contactConditions.ts';
import { caseless, comparable } from '../shared/fold.ts';
import { soughtPhoneKeys } from '../shared/phones.ts';
import type { Tenant } from './admission.ts';
import { type Term, toPlainPatterns, toTerms } from './contactSearch.ts';
import { toCompanyFold } from './foldedKeys.ts';
import type { Failure } from './outcome.ts';

/** The conditions that a caller gives. A condition that is left out, or `undefined`, asks for nothing. */
export type Conditions = { [K in keyof ContactConditions]?: ContactConditions[K] | undefined } & {
  /** Deleted contacts, and no others: with `includeDeleted`. */
  onlyDeleted?: boolean | undefined;
};

/** The conditions as the database asks them. A condition that is not asked is `undefined`. */
export interface Sought {
  terms: Term[];
  /** The tags that a contact must have, each once, as tags are compared. */
  tags: string[] | undefined;
  emailKey: string | undefined;
  phones: string[] | undefined;
  company: string | undefined;
  ids: string[] | undefined;
  createdSince: Date | undefined;
  updatedSince: Date | undefined;
  /** JSON objects of which any must be in a contact's custom fields. */
  fields: string[] | undefined;
  includeDeleted: boolean;
  onlyDeleted: boolean;
  /** For contacts in a form before 2, which have no folded text. */
  plain: { patterns: string[]; tags: string[] | undefined; companyKey: string | undefined };
}

const toFields = ({ name, values }: SoughtField) => values.map((value) => JSON.stringify({ [name]: value }));

export function toSought(conditions: Conditions): Sought {
  const { search = '', tag, tags = [], email, phone, company, ids, customField } = conditions;
  const written = [...(tag === undefined ? [] : [tag]), ...tags];
  const isTagged = written.length > 0;
  return {
    terms: toTerms(search),
    tags: isTagged ? [...new Set(written.map(caseless))] : undefined,
    emailKey: email === undefined ? undefined : comparable(email),
    phones: phone === undefined ? undefined : soughtPhoneKeys(phone),
    company: company === undefined ? undefined : toCompanyFold(company),
    ids,
    createdSince: conditions.createdSince,
    updatedSince: conditions.updatedSince,
    fields: customField && toFields(customField),
    includeDeleted: conditions.includeDeleted ?? false,
    onlyDeleted: conditions.onlyDeleted ?? false,
    plain: {
      patterns: toPlainPatterns(search),
      tags: isTagged ? written : undefined,
      companyKey: company === undefined ? undefined : comparable(company),
    },
  };
}

/** The number of conditions that are asked. Each tag is a condition. */
export const countConditions = ({ terms, tags = [], ...sought }: Sought): number => {
  const { emailKey, phones, company, ids, createdSince, updatedSince, fields } = sought;
  const others = [emailKey, phones, company, ids, createdSince, updatedSince, fields];
  return terms.length + tags.length + others.filter((asked) => asked !== undefined).length;
};

/** The columns of `contacts` that `matches` reads, beside `id` and `updated_at`. */
export const JUDGED = sql`search, folded, tags, tag_keys, phone_keys, company_key, company_fold, email_key,
  other_email_keys, custom_fields, created_at, deleted_at`;

const every = (conditions: (RawBuilder<unknown> | false | undefined)[]) => {
  const asked = conditions.filter((condition) => condition !== undefined && condition !== false);
  return asked.length === 0 ? sql<SqlBool>`true` : sql<SqlBool>`${sql.join(asked, sql` and `)}`;
};
const isLikeAll = (patterns: Term[number]) => every(patterns.map(({ like }) => sql`folded like ${like}`));
const isAny = (alternatives: Term) => sql`(${sql.join(alternatives.map(isLikeAll), sql` or `)})`;

/** A contact that is not deleted is found by each of its emails, a deleted contact by `email` alone. */
const hasEmail = (emailKey: string) =>
  sql`(email_key = ${emailKey} or deleted_at is null and ${emailKey} = any (other_email_keys))`;

/** SQL that is true where a contact of any form meets the conditions, whether the contact is deleted or not. */
export function matches(sought: Sought): RawBuilder<SqlBool> {
  const { terms, tags, emailKey, phones, company, ids, createdSince, updatedSince, fields, plain } = sought;
  const folded = [
    ...terms.map(isAny),
    tags && sql`tag_keys @> ${tags}::text[]`,
    company !== undefined && sql`company_fold = ${company}`,
    phones && sql`phone_keys && ${phones}::text[]`,
  ];
  const unfolded = [
    ...plain.patterns.map((pattern) => sql`search like ${pattern}`),
    plain.tags && sql`tags @> ${plain.tags}::text[]`,
    plain.companyKey !== undefined && sql`company_key = ${plain.companyKey}`,
    phones && sql`false`,
  ];
  return every([
    sql`case when folded is null then ${every(unfolded)} else ${every(folded)} end`,
    emailKey !== undefined && hasEmail(emailKey),
    ids && sql`id = any (${ids}::uuid[])`,
    createdSince && sql`created_at >= ${createdSince}`,
    updatedSince && sql`updated_at >= ${updatedSince}`,
    fields &&
      sql`(${sql.join(
        fields.map((field) => sql`custom_fields @> ${field}::jsonb`),
        sql` or `,
      )})`,
  ]);
}

/** An id is made by the clock of an instance, and `created_at` by the database's: they differ by less than a day. */
const MARGIN = 24 * 60 * 60_000;
/** An id that is less than the id of every contact that was created at or after `instant`. */
export function idBefore(instant: Date): string {
  const time = Math.max(0, instant.getTime() - MARGIN)
    .toString(16)
    .padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`;
}

/**
 * SQL of `id`, `updated_at` and `name_fold` of up to `limit` contacts that meet the conditions, in no order. Few contacts
 * have an email or an id, and their indexes serve a tenant's own statement. Every other condition asks a SQL function:
 * migration 0001 says why a tenant's own query cannot use its index. Where no index helps, a call that `mayGiveUp` gives
 * `limit` rows of nulls at once.
 */
export function gather(
  organizationId: string,
  sought: Sought,
  { limit, mayGiveUp = false }: { limit: number; mayGiveUp?: boolean },
): RawBuilder<unknown> {
  const { emailKey, ids, includeDeleted, onlyDeleted } = sought;
  if (emailKey === undefined && ids === undefined) {
    return sql`select id, updated_at, name_fold from introzy_found_contacts(${JSON.stringify({ ...toParameter(sought), mayGiveUp })}::jsonb, ${limit})`;
  }
  const named =
    emailKey === undefined ? sql`deleted_at is null or ${includeDeleted}` : isOfEmail(organizationId, sought);
  return sql`
    select id, updated_at, name_fold from contacts
      where organization_id = ${organizationId} and (${named}) and ${matches(sought)}
        and ${onlyDeleted ? sql`deleted_at is not null` : sql`true`} limit ${limit}`;
}

/**
 * SQL that is true for the contacts of an email: at most one contact that is not deleted, by its email or another email, and
 * any number of deleted contacts, by their email. Each case has its own index, so the condition names all cases.
 */
function isOfEmail(organizationId: string, { emailKey, includeDeleted }: Sought) {
  const email = sql`email_key = ${emailKey}`;
  const byOther = sql`id = (
    select contact_id from contact_emails where organization_id = ${organizationId} and ${email})`;
  return sql`(${email} and deleted_at is null) or ${byOther} or (${email} and deleted_at is not null and ${includeDeleted})`;
}

/** The parameter of the SQL function. JSON leaves out what is `undefined`. */
const toParameter = ({
  terms,
  tags,
  phones,
  company,
  createdSince,
  updatedSince,
  fields,
  includeDeleted,
  onlyDeleted,
  plain,
}: Sought) => ({
  terms,
  tags,
  // Tags are words of the index too, behind this character: see introzy_words.
  tagWords: tags?.map((tag) => `\u001d${tag}`),
  phones,
  company,
  createdSince,
  createdFrom: createdSince && idBefore(createdSince),
  updatedSince,
  fields: fields?.map((field) => JSON.parse(field)),
  includeDeleted,
  onlyDeleted: onlyDeleted || undefined,
  patterns: plain.patterns,
  plainTags: plain.tags,
  companyKey: plain.companyKey,
});

/** Failure where any of the ids is another organization's. An id that nobody has is no failure. */
export async function refuseForeignIds(
  db: Tenant,
  { organizationId, ids }: { organizationId: string; ids?: readonly string[] | undefined },
): Promise<Failure | undefined> {
  if (ids === undefined) return undefined;
  const { rows } = await sql`
    select from unnest(${ids}::uuid[]) id where introzy_contact_exists(id) and not exists (
      select from contacts c where c.organization_id = ${organizationId} and c.id = id.id) limit 1`.execute(db);
  return rows.length > 0 ? { failure: 'elsewhere' } : undefined;
}
