import { z } from 'zod';
import { CurrentKey } from '../../../shared/apiKeys.ts';
import { ContactSort } from '../../../shared/contactSort.ts';
import {
  Contact,
  ContactCount,
  ContactInput,
  ContactUpdateRequest,
  type ContactUpsertInput,
  ContactUpsertRequest,
  UpsertResult,
} from '../../../shared/contacts.ts';
import { ContactTag } from '../../../shared/contactTags.ts';
import { documentAs } from '../../../shared/documentedAs.ts';
import { Organization } from '../../../shared/organizations.ts';
import { filter } from '../../../shared/text.ts';

/** The most ids and emails that a call of a tool takes. */
const MOST = 100;

export const WhoamiInput = z.strictObject({});
export const WhoamiOutput = z.object({
  organization: Organization,
  key: documentAs(
    CurrentKey.pick({ id: true, name: true, scopes: true, expiresAt: true, holder: true }),
    z.object({ scopes: z.array(z.string()) }),
  ),
  callsLeft: z.int(),
});

/** A contact in a list: the fields that tell contacts apart, and the version to change the contact from. */
const ContactRow = documentAs(
  Contact.pick({
    id: true,
    name: true,
    email: true,
    company: true,
    title: true,
    tags: true,
    version: true,
  }),
  // Each field costs tokens in every list of tools, and a model reads the fields in the answers.
  z.object({ id: z.string(), version: z.int() }),
);
type ContactRow = z.infer<typeof ContactRow>;
export const toRow = ({ id, name, email, company, title, tags, version }: Contact): ContactRow => ({
  id,
  name,
  email,
  company,
  title,
  tags,
  version,
});

export const SearchInput = z.strictObject({
  query: filter(200, 'words to look for').optional().describe('words in any text'),
  tag: filter(100, 'a tag').optional(),
  email: filter(320, 'an address').optional().describe('exact'),
  phone: filter(100, 'a number').optional().describe('any form'),
  company: filter(500, 'a company').optional().describe('whole name'),
  customField: z.string().optional().describe('plan:pro'),
  createdSince: z.string().optional().describe('RFC 3339'),
  updatedSince: z.string().optional(),
  sort: ContactSort.optional(),
  count: z.boolean().optional().describe('count matches too'),
  cursor: z.string().optional().describe("a page's nextCursor"),
  limit: z.int().min(1).max(50).default(10),
});
export const SearchOutput = z.object({
  contacts: z.array(ContactRow),
  nextCursor: z.string().nullable(),
  matches: ContactCount.optional(),
});

const ids = z.array(z.string()).min(1).max(MOST);
export const GetInput = z.strictObject({
  ids: z.array(z.string()).max(MOST).optional(),
  emails: z.array(z.string()).max(MOST).optional(),
});
const asked = z.object({ ids: z.array(z.string()), emails: z.array(z.string()) });
export const GetOutput = z.object({
  contacts: z.array(documentAs(Contact.omit({ organizationId: true }), z.object({ id: z.string(), version: z.int() }))),
  missing: asked,
  unread: asked.describe('ask again'),
});

export const toWhole = ({ organizationId: _, ...contact }: Contact) => contact;

/** An agent reads nothing of `dryRun` but its name, as each description costs tokens in every list of tools. */
const dryRun = z.boolean().optional();

export const CreateInput = ContactInput.extend({ dryRun });
export const ContactOutput = z.object({ contact: ContactRow });
const Update = ContactInput.partial().extend({
  id: z.string(),
  expectedVersion: z.int().min(0).optional().describe('refuse if changed since'),
  dryRun,
});
const { createdAt, updatedAt, deletedAt, version } = ContactUpdateRequest.shape;
/** What get_contacts gave may be sent back: a model needs no word of the fields that are only taken then. */
export const UpdateInput = documentAs(Update.extend({ createdAt, updatedAt, deletedAt, version }), Update);

export const TagsInput = z.strictObject({
  prefix: z.string().optional(),
  cursor: z.string().optional(),
  limit: z.int().min(1).max(200).default(50),
});
export const TagsOutput = z.object({
  // A copy: OpenAPI shows `ContactTag` itself with its descriptions.
  tags: z.array(documentAs(z.object(ContactTag.shape), z.object({ tag: z.string(), count: z.int() }))),
  nextCursor: z.string().nullable(),
});

/** The most ids that an answer to an agent has. */
export const SHOWN_IDS = 100;
export const UpdateManyInput = z.strictObject({
  where: documentAs(
    SearchInput.omit({ cursor: true, limit: true, sort: true, count: true }).extend({ ids: ids.optional() }),
    z.object({}).describe('as search_contacts, or ids'),
  ),
  set: z.record(z.string(), z.unknown()).optional().describe('as update_contact, but emails'),
  addTags: z.array(z.string()).optional(),
  removeTags: z.array(z.string()).optional(),
  delete: z.boolean().optional(),
  restore: z.boolean().optional(),
  dryRun,
});
export const UpdateManyOutput = z.object({
  matched: z.int(),
  updated: z.int(),
  unchanged: z.int(),
  ids: z.array(z.string()).describe('first 100'),
});

const UpsertRow = documentAs(
  z.custom<ContactUpsertInput['contacts'][number]>(() => true),
  z.object({}).describe('as create_contact; with merge no name is required'),
);
export const UpsertInput = ContactUpsertRequest.omit({ organizationId: true }).extend({
  contacts: z.array(UpsertRow).min(1).max(MOST),
  merge: z.boolean().optional(),
  dryRun,
});
const [Written, Failed] = UpsertResult.options;
export const UpsertOutput = z.object({
  results: z.array(
    z.object({
      index: Written.shape.index,
      outcome: z.enum([...Written.shape.outcome.options, Failed.shape.outcome.value]),
      id: z.string().optional(),
      version: z.int().optional(),
      ids: z.array(z.string()).optional().describe('it fits'),
      error: z.string().optional(),
    }),
  ),
});

export const IdsInput = z.strictObject({ ids, dryRun });
export const IdsOutput = z.object({
  results: z.array(z.object({ id: z.string(), outcome: z.enum(['done', 'failed']), error: z.string().optional() })),
});
