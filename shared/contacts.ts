import { z } from 'zod';
import { documentAs } from './documentedAs.ts';
import { encodedDocument, encodedItems } from './encoded.ts';
import { Issue } from './errors.ts';
import { caseless } from './fold.ts';
import { JsonObject } from './json.ts';
import { PageRequest, pageOf } from './paging.ts';
import {
  Id,
  isStorable,
  isWithoutKey,
  line,
  organizationId,
  STORABLE,
  soughtLine,
  soughtText,
  text,
  WITHOUT_KEY,
} from './text.ts';

/** A contact as its organization sees the contact. */
export const Contact = z.object({
  id: z.uuid(),
  organizationId: z.uuid(),
  name: z.string(),
  email: z.string().nullable(),
  phone: z.string().nullable(),
  otherEmails: z.array(z.string()).describe('Without `email`'),
  otherPhones: z.array(z.string()).describe('Without `phone`'),
  company: z.string().nullable(),
  title: z.string().nullable(),
  location: z.string().nullable(),
  linkedinUrl: z.string().nullable(),
  notes: z.string().nullable(),
  tags: z.array(z.string()),
  customFields: z.record(z.string(), z.unknown()),
  createdAt: z.date(),
  updatedAt: z.date(),
  deletedAt: z.date().nullable().describe('`null` unless deleted'),
  version: z.int().describe('Grows by one with each change'),
});
export type Contact = z.infer<typeof Contact>;
/** A `Contact` as decoded from the database's text. The text is our own, so its fields are not checked once more. */
export const DecodedContact = documentAs(
  z.custom<Contact>((contact) => typeof contact === 'object' && encodedDocument(contact as object) !== undefined),
  Contact,
);
export const ContactPage = pageOf(Contact);
export type ContactPage = z.infer<typeof ContactPage>;
/**
 * A `ContactPage` whose items are still the database's text. The check does not read `items`: reading decodes the text.
 */
export const EncodedContactPage = documentAs(
  z.custom<ContactPage>((page) => encodedItems(page) !== undefined),
  ContactPage,
);

/** An email address as written. Only the rough form `a@b` is checked: no pattern tells what a mail server accepts. */
const EmailAddress = text(320)
  .refine((written) => /^[^\s@]+@[^\s@]+$/u.test(written.trim()), 'Not an email address')
  .meta({ format: 'email' });
const linkedinUrl = z
  .url({ protocol: /^https?$/, error: 'Not an http(s) address' })
  .max(2048)
  .refine(isStorable, STORABLE)
  .refine(isWithoutKey, WITHOUT_KEY)
  .meta({ pattern: '^https?://' });

/** The most other emails, and the most other phones, of a contact. */
export const MOST_OTHERS = 20;
const others = <T extends z.ZodType<string>>(item: T) =>
  z.array(item).max(MOST_OTHERS, `Must be at most ${MOST_OTHERS}`).nullable();

const name = line(500);
const optional = {
  email: EmailAddress.nullable().describe('Unique in the organization, as compared: trimmed, NFC, lower-case'),
  phone: text(100).nullable(),
  otherEmails: others(EmailAddress).describe('Further emails, unique as `email` is; `null` or `[]`: none'),
  otherPhones: others(line(100)).describe('Further phones; `null` or `[]`: none'),
  company: text(500).nullable(),
  title: text(500).nullable(),
  location: text(500).nullable(),
  linkedinUrl: linkedinUrl.nullable(),
  notes: text(50_000).nullable(),
  tags: z
    .array(line(100))
    .max(100)
    .overwrite((tags) => [...Map.groupBy(tags, caseless).values()].map(([first]) => first as string)),
  customFields: JsonObject,
};

/** The fields of a contact that a caller may write. Only `name` is required. */
export const ContactInput = z
  .strictObject({ name, ...optional })
  .partial()
  .required({ name: true });
export type ContactInput = z.infer<typeof ContactInput>;

export const ContactRequest = z.strictObject({ organizationId, id: Id });
export const ContactCreateRequest = ContactInput.extend({ organizationId });
const expectedVersion = z.int().min(0).optional().describe('Change it at this version alone: at any other, 412');
/** A field that is left out stays unchanged. */
export const ContactUpdateRequest = ContactInput.partial().extend({ organizationId, id: Id, expectedVersion });
export type ContactUpdate = { [K in keyof ContactInput]?: ContactInput[K] | undefined };
export const ContactDeleteRequest = ContactRequest.extend({ expectedVersion });

/** An instant: a `Date`, or ISO 8601 with an offset such as `2026-11-24T09:30:00Z`; years 1 to 9999. */
const instant = documentAs(
  z
    .union([z.date(), z.iso.datetime({ offset: true }).transform((iso) => new Date(iso))], {
      error: 'Not a date and time in ISO 8601, such as 2026-11-24T09:30:00Z',
    })
    .refine((date) => date.getUTCFullYear() >= 1 && date.getUTCFullYear() <= 9999, 'The year must be 1 to 9999'),
  z.iso.datetime({ offset: true }),
);

/** The input of an erasure. An erasure takes the contacts out of every table, and cannot be undone. */
export const ContactEraseRequest = z.strictObject({ organizationId, ids: z.array(Id).min(1).max(100) });

export const ContactsErased = z.object({
  erased: z.array(z.uuid()).describe('The contacts that the call erased: an id that is not known is left out'),
});

/** The input of a list of contacts. A list has the contacts that meet every given condition. */
export const ContactListRequest = PageRequest.extend({
  search: soughtText(200)
    .optional()
    .describe(
      "Words to be found in name, emails, phones, company, title, location, tags or notes, each of them, without case and accents; one or two letters at a word's beginning",
    ),
  tag: soughtLine(100).optional().describe('Contacts that have this tag, in whatever case'),
  email: soughtText(320)
    .optional()
    .describe(
      'The contact of this address, as its email or another of its emails; a deleted contact by its email alone',
    ),
  updatedSince: instant.optional().describe('Contacts that have changed at or after this instant'),
  includeDeleted: z.boolean().default(false).describe('Deleted contacts too'),
}).prefault({});

/** A row to upsert. `id` names the contact that the row changes. */
export const ContactRow = ContactInput.extend({
  id: Id.optional().describe(
    'The contact to change; left out: the contact of any of the emails, else of `linkedinUrl`',
  ),
});

/**
 * A row to upsert. The schema accepts any value: each row is checked later by itself, so that a bad row fails alone.
 */
const UncheckedRow = documentAs(
  z.custom<z.input<typeof ContactRow>>(() => true),
  ContactRow,
);

export const ContactUpsertRequest = z.strictObject({
  organizationId,
  contacts: z.array(UncheckedRow).min(1).max(100),
  merge: z
    .boolean()
    .optional()
    .describe(
      'Add to what is there: `null` changes nothing; tags, other emails, other phones and custom fields are added; an email that another replaces becomes an other email; and a new contact without a name is called by its company, email or phone',
    ),
});

/** The outcome of a row. `index` is the row's place in the request, from 0. */
export const UpsertResult = z.discriminatedUnion('outcome', [
  z.object({ index: z.int(), outcome: z.enum(['created', 'updated', 'unchanged']), id: z.uuid(), version: z.int() }),
  z.object({
    index: z.int(),
    outcome: z.literal('failed'),
    error: z.string(),
    issues: z.array(Issue),
    details: z
      .object({
        ids: z.array(z.uuid()).optional().describe('The contacts that the row fits, up to 10 of a LinkedIn address'),
        deletedAt: z.date().optional(),
      })
      .optional(),
  }),
]);
export type UpsertResult = z.infer<typeof UpsertResult>;
export type UpsertFailure = Omit<Extract<UpsertResult, { outcome: 'failed' }>, 'index' | 'outcome'>;
export const UpsertResults = z.object({ results: z.array(UpsertResult) });
