import { type RawBuilder, sql } from 'kysely';
import type { UpsertRow } from '../shared/contactRows.ts';
import type { Contact, ContactInput, ContactUpdate } from '../shared/contacts.ts';
import { comparable } from '../shared/fold.ts';
import { onceEachPhone, phoneKeys } from '../shared/phones.ts';
import type { Tenant } from './admission.ts';
import { isEmailTaken } from './errors.ts';
import type { Outcome } from './outcome.ts';

/*
 * A contact's emails and phones. Each kind is a field and a list of others, and no address is in both: so a change of the
 * one needs the other too. `contacts.phone_keys` is of both as well.
 */

/** The emails and phones of a contact. */
export interface Addresses {
  email: string | null;
  otherEmails: string[];
  phone: string | null;
  otherPhones: string[];
}

/** `others` without repetitions, and without `email`. Of equal emails the first stays. */
function otherEmailsOf(email: string | null, others: readonly string[]): string[] {
  const byKey = new Map<string, string>();
  for (const other of others) if (!byKey.has(comparable(other))) byKey.set(comparable(other), other);
  if (email !== null) byKey.delete(comparable(email));
  return [...byKey.values()];
}

/** `others` without repetitions, and without `phone`. Of equal phones the first stays. */
const otherPhonesOf = (phone: string | null, others: readonly string[]): string[] =>
  others.length === 0 ? [] : phone ? onceEachPhone([phone, ...others]).slice(1) : onceEachPhone(others);

const NO_ADDRESSES: Addresses = { email: null, otherEmails: [], phone: null, otherPhones: [] };
const isGiven = (...values: unknown[]) => values.some((value) => value !== undefined);

/** True where a change names a field of a pair and leaves the other to what the contact has. */
export const needsAddresses = ({ email, otherEmails, phone, otherPhones }: ContactUpdate): boolean =>
  isGiven(email) !== isGiven(otherEmails) || isGiven(phone) !== isGiven(otherPhones);

/** `fields` with both fields of a pair where either is given. `present` has what the fields leave. */
export function withWholePairs<T extends ContactUpdate>(fields: T, present: Addresses = NO_ADDRESSES): T {
  const whole: ContactUpdate = { ...fields };
  if (isGiven(fields.email, fields.otherEmails)) {
    whole.email = fields.email === undefined ? present.email : fields.email;
    const others = fields.otherEmails === undefined ? present.otherEmails : fields.otherEmails;
    whole.otherEmails = otherEmailsOf(whole.email, others ?? []);
  }
  if (isGiven(fields.phone, fields.otherPhones)) {
    whole.phone = fields.phone === undefined ? present.phone : fields.phone;
    const others = fields.otherPhones === undefined ? present.otherPhones : fields.otherPhones;
    whole.otherPhones = otherPhonesOf(whole.phone, others ?? []);
  }
  return whole as T;
}

/** The emails and phones of a contact that is not deleted, and locks the contact against other changes. */
export async function lockAddresses(
  trx: Tenant,
  { organizationId, id }: { organizationId: string; id: string },
): Promise<Addresses | undefined> {
  return await trx
    .selectFrom('contacts')
    .select(['email', 'other_emails as otherEmails', 'phone', 'other_phones as otherPhones'])
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .forNoKeyUpdate()
    .executeTakeFirst();
}

/** The keys of all phones, for `contacts.phone_keys`. */
export const keysOfPhones = ({ phone, otherPhones }: Pick<ContactInput, 'phone' | 'otherPhones'>): string[] => [
  ...new Set([...(phone ? [phone] : []), ...(otherPhones ?? [])].flatMap(phoneKeys)),
];

/** The keys of the emails that a contact of these fields takes. */
export const keysOfEmails = ({ email, otherEmails }: ContactUpdate): string[] =>
  [...(email ? [email] : []), ...(otherEmails ?? [])].map(comparable);

/**
 * SQL of the ids of the contacts that are not deleted and have any of the emails: `keys` is SQL of a `text[]`. All emails
 * are one condition: where PostgreSQL has no statistics yet, as in the embedded database, it may walk all contacts for a
 * condition, and a condition for each email would be as many walks.
 */
export const idsByEmail = (organizationId: string, keys: RawBuilder<string[]>): RawBuilder<string> => sql`
  select id from contacts
    where organization_id = ${organizationId} and email_key = any (${keys}) and deleted_at is null
  union all select contact_id from contact_emails where organization_id = ${organizationId} and email_key = any (${keys})`;

export interface Taking {
  organizationId: string;
  /** The contact that takes the emails, and that may have them already. */
  id?: string;
  /** SQL of the keys of the emails, a `text[]`. */
  keys: RawBuilder<string[]>;
}

/** Runs `write`. Where another contact has any of the emails, answers `emailTaken` with the other contact's id. */
export async function unlessEmailTaken(
  db: Tenant,
  { organizationId, id, keys }: Taking,
  write: () => Promise<Outcome<Contact>>,
): Promise<Outcome<Contact>> {
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (!isEmailTaken(error)) throw error;
      const { rows } = await sql<{ id: string }>`
        select id from (${idsByEmail(organizationId, keys)}) holder
          where id is distinct from ${id ?? null}::uuid limit 1`.execute(db);
      // Without a holder the email is free again, and another try may succeed.
      if (rows[0]) return { failure: 'emailTaken', existingId: rows[0].id };
    }
  }
}

/**
 * The emails and phones that a row of an upsert gives an existing contact. A row that names the contact by an
 * other email leaves `email`, unless the row gives `otherEmails`. With `merge` the row's other emails and phones are added,
 * `null` and `""` change nothing, and an email that the row's email replaces becomes an other email.
 */
export function upsertedAddresses(
  { id, input }: Pick<UpsertRow, 'id' | 'input'>,
  present: Addresses,
  merge: boolean,
): Pick<ContactUpdate, keyof Addresses> {
  const { email, otherEmails, phone, otherPhones } = input;
  const isOther = Boolean(email) && present.otherEmails.some((other) => isSameEmail(other, email as string));
  if (!merge) {
    const isLeft = isOther && id === undefined && otherEmails === undefined;
    return { email: isLeft ? undefined : email, otherEmails, phone, otherPhones };
  }
  const next = email && !isOther ? email : present.email;
  const former = next === null || present.email === null || isSameEmail(next, present.email) ? [] : [present.email];
  return {
    email: next,
    otherEmails: [...present.otherEmails, ...former, ...(otherEmails ?? [])],
    phone: phone || present.phone,
    otherPhones: [...present.otherPhones, ...(otherPhones ?? [])],
  };
}

const isSameEmail = (a: string, b: string) => comparable(a) === comparable(b);
