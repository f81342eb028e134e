import { z } from 'zod';
import { ContactConditions } from './contactConditions.ts';
import { ContactCursor, ContactSort } from './contactSort.ts';
import { documentAs } from './documentedAs.ts';
import { encodedDocument, encodedItems } from './encoded.ts';
import { Issue } from './errors.ts';
import { caseless } from './fold.ts';
import { JsonObject } from './json.ts';
import { optionalCursor, PageRequest, pageOf } from './paging.ts';
import { Id, isStorable, isWithoutKey, line, organizationId, STORABLE, text, WITHOUT_KEY } from './text.ts';

/** A contact as its organization sees the contact. */
export const Contact = z.object({
  id: z.uuid(),
  organizationId: z.uuid(),
  name: z.string(),
  email: z.string().nullable(),
  phone: z.string().nullable(),
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
/** A contact with the fields that a list has chosen: by default all. The types of the client tell which. */
export const ListedContact = Contact.partial().required({ id: true, version: true });
export const ContactPage = pageOf(Contact);
export type ContactPage = z.infer<typeof ContactPage>;
/**
 * A `ContactPage` whose items are still the database's text. The check does not read `items`: reading decodes the text.
 */
export const EncodedContactPage = documentAs(
  z.custom<ContactPage>((page) => encodedItems(page) !== undefined),
  pageOf(ListedContact),
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

const name = line(500);
const optional = {
  email: EmailAddress.nullable().describe('Unique in the organization, as compared: trimmed, NFC, lower-case'),
  phone: text(100).nullable(),
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

/** The input of an erasure. An erasure takes the contacts out of every table, and cannot be undone. */
export const ContactEraseRequest = z.strictObject({ organizationId, ids: z.array(Id).min(1).max(100) });

export const ContactsErased = z.object({
  erased: z.array(z.uuid()).describe('The contacts that the call erased: an id that is not known is left out'),
});

/** The fields that a list may choose. `id` and `version` come in any case. */
export const ContactField = Contact.keyof();
export type ContactField = z.infer<typeof ContactField>;

/** The input of a list of contacts. A list has the contacts that meet every given condition. */
export const ContactListRequest = PageRequest.extend({
  ...ContactConditions.shape,
  cursor: optionalCursor(ContactCursor),
  sort: ContactSort.default('-createdAt').describe(
    'The order; `-` begins with the latest. `name` is without case and accents. Equal contacts are in the order of their ids',
  ),
  fields: z
    .array(ContactField)
    .min(1)
    .optional()
    .describe('The fields of each contact that the answer has; `id` and `version` come with them'),
})
  .superRefine(({ cursor, sort }, context) => {
    if (cursor === undefined || cursor.sort === sort) return;
    const message = `The cursor is of the sort ${cursor.sort}: send that sort with it, or begin without a cursor`;
    context.addIssue({ code: 'custom', path: ['cursor'], message });
  })
  .prefault({});

export const ContactCountRequest = ContactConditions.extend({ organizationId }).prefault({});
export const ContactCount = z.object({
  count: z.int().describe('At most 100,000'),
  isExact: z.boolean().describe('`false`: there are more contacts than `count`'),
});
export type ContactCount = z.infer<typeof ContactCount>;

/**
 * A row to upsert. The schema accepts any value: each row is checked later by itself, so that a bad row fails alone.
 */
const UncheckedRow = documentAs(
  z.custom<z.input<typeof ContactInput>>(() => true),
  ContactInput,
);

export const ContactUpsertRequest = z.strictObject({
  organizationId,
  contacts: z.array(UncheckedRow).min(1).max(100),
  merge: z
    .boolean()
    .optional()
    .describe(
      'Add to what is there: `null` changes nothing, tags and custom fields are added, and a new contact without a name is called by its company, email or phone',
    ),
});

/** The outcome of a row. `index` is the row's place in the request, from 0. */
export const UpsertResult = z.discriminatedUnion('outcome', [
  z.object({ index: z.int(), outcome: z.enum(['created', 'updated', 'unchanged']), id: z.uuid(), version: z.int() }),
  z.object({ index: z.int(), outcome: z.literal('failed'), error: z.string(), issues: z.array(Issue) }),
]);
export type UpsertResult = z.infer<typeof UpsertResult>;
export const UpsertResults = z.object({ results: z.array(UpsertResult) });
