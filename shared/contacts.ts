import { z } from 'zod';
import { trimBlanks } from './characters.ts';
import { ContactConditions } from './contactConditions.ts';
import { ContactCursor, ContactSort } from './contactSort.ts';
import { documentAs } from './documentedAs.ts';
import { dryRun } from './dryRun.ts';
import { encodedDocument, encodedItems } from './encoded.ts';
import { Issue } from './errors.ts';
import { caseless } from './fold.ts';
import { instant } from './instant.ts';
import { JsonObject } from './json.ts';
import { nameUpTo } from './names.ts';
import { optionalCursor, PageRequest, pageOf } from './paging.ts';
import { emptyLine, Id, line, lineAsWritten, organizationId, orNull, text } from './text.ts';

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

/** The most tags of a contact. */
export const MOST_TAGS = 100;
/** The tags, each as it was written first. */
export const eachOnce = (tags: string[]): string[] =>
  [...Map.groupBy(tags, caseless).values()].map(([first]) => first as string);

/** Only the rough form `a@b` of an email address is checked: no pattern tells what a mail server accepts. */
const ADDRESS = /^[^\s@]+@[^\s@]+$/u;
const Url = z.url({ protocol: /^https?$/ });
const unlessEmpty = (isRight: (text: string) => boolean) => (written: string) => {
  const text = trimBlanks(written);
  return text === '' || isRight(text);
};

const email = lineAsWritten(320)
  .refine(
    unlessEmpty((text) => ADDRESS.test(text)),
    'Not an email address',
  )
  .meta({ format: 'email' });
const linkedinUrl = emptyLine(2048)
  .refine(
    unlessEmpty((text) => Url.safeParse(text).success),
    'Not an http(s) address',
  )
  .meta({ format: 'uri', pattern: '^https?://' });

/** The most other emails, and the most other phones, of a contact. */
export const MOST_OTHERS = 20;
const others = <T extends z.ZodType<string, string>>(item: T) =>
  z
    .array(item)
    .max(MOST_OTHERS, `Must be at most ${MOST_OTHERS}`)
    .nullable()
    .transform((given) => given ?? []);
const isNotEmpty = (written: string) => trimBlanks(written) !== '';

const optional = {
  email: orNull(email).describe('Unique, as compared: trimmed, NFC, lower-case'),
  phone: orNull(emptyLine(100)),
  otherEmails: others(email.refine(isNotEmpty, 'Not an email address')).describe('Unique as `email` is; `null`: none'),
  otherPhones: others(line(100)).describe('`null`: none'),
  company: orNull(emptyLine(500)),
  title: orNull(emptyLine(500)),
  location: orNull(emptyLine(500)),
  linkedinUrl: orNull(linkedinUrl),
  notes: orNull(text(50_000)),
  tags: z
    .array(line(100))
    .max(MOST_TAGS)
    .overwrite(eachOnce)
    .nullable()
    .transform((tags) => tags ?? []),
  customFields: JsonObject.meta({
    type: 'object',
    description: 'Changed as RFC 7396 says',
  }),
};

/** The fields of a contact that a caller may write. Only `name` is required. `null` or an empty text empties a field. */
export const ContactInput = z
  .strictObject({ name: nameUpTo(500), ...optional })
  .partial()
  .required({ name: true });
export type ContactInput = z.infer<typeof ContactInput>;

export const ContactRequest = z.strictObject({ organizationId, id: Id });
export const ContactCreateRequest = ContactInput.extend({ organizationId, dryRun });
const Version = z.int().min(0);
/** A version, or several of which any will do, as in an `If-Match` with several entity tags. OpenAPI shows the version. */
const expectedVersion = documentAs(
  z.union([Version, z.array(Version).min(1).max(100)], {
    error: 'Must be a whole number of at least 0, or a list of 1 to 100 such numbers',
  }),
  Version,
)
  .optional()
  .describe('Change it at this version alone: at any other, 412');
/** Fields that the service sets. What a `get` gave may be sent back, and is refused where it was changed. */
const sentBack = {
  createdAt: instant.optional(),
  updatedAt: instant.optional(),
  deletedAt: instant.nullable().optional(),
  version: z.int().optional(),
};
const Changes = ContactInput.partial().extend({ organizationId, id: Id, expectedVersion, dryRun });
/** A field that is left out stays unchanged. The fields that may be sent back are not shown: a program needs none. */
export const ContactUpdateRequest = documentAs(Changes.extend(sentBack), Changes);
export type ContactUpdate = { [K in keyof ContactInput]?: ContactInput[K] | undefined };
export const ContactDeleteRequest = ContactRequest.extend({ expectedVersion, dryRun });
export const ContactRestoreRequest = ContactRequest.extend({ dryRun });

/** The input of an erasure. An erasure takes the contacts out of every table, and cannot be undone. */
export const ContactEraseRequest = z.strictObject({ organizationId, ids: z.array(Id).min(1).max(100), dryRun });

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

/** A row to upsert: a contact's fields, which a `get` may have given. */
const rowId = Id.optional().describe(
  'The contact to change; left out: the contact of any of the emails, else of `linkedinUrl`',
);
export const ContactRow = ContactInput.extend({ id: rowId, organizationId, ...sentBack });
type Row = z.input<typeof ContactRow>;
/** A row of an upsert with `merge`. */
type MergedRow = Omit<Row, 'name'> & { name?: string | null | undefined };

/** A row as OpenAPI and the MCP tools show it. */
export const ShownRow = ContactInput.extend({
  id: rowId,
  name: ContactInput.shape.name
    .optional()
    .describe('Required, but with `merge`: a new contact without a name is called by its company, email or phone'),
});

/**
 * A row as the request has it. The schema accepts any value: each row is checked later by itself, so that a bad row
 * fails alone.
 */
const UncheckedRow = documentAs(
  z.custom<MergedRow>(() => true),
  ShownRow,
);

export const ContactUpsertRequest = z.strictObject({
  organizationId,
  contacts: z.array(UncheckedRow).min(1).max(100),
  merge: z
    .boolean()
    .optional()
    .describe(
      'Add to what is there: `null` and empty texts change nothing; tags, other emails, other phones and custom fields are added; an email that another replaces becomes an other email; and a row needs no name',
    ),
  dryRun,
});
type Upsert = z.input<typeof ContactUpsertRequest>;
/** The input of an upsert, as TypeScript checks it: only with `merge` may a row leave out its name. */
export type ContactUpsertInput = Omit<Upsert, 'contacts' | 'merge'> &
  ({ contacts: Row[]; merge?: boolean | undefined } | { contacts: MergedRow[]; merge: true });

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
