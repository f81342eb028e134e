import { z } from 'zod';
import { CurrentKey } from '../../../shared/apiKeys.ts';
import { Contact, ContactInput, ContactUpsertRequest, UpsertResult } from '../../../shared/contacts.ts';
import { Organization } from '../../../shared/organizations.ts';
import { soughtLine, soughtText } from '../../../shared/text.ts';

/** The most ids and emails that a call of a tool takes. */
const MOST = 100;

export const WhoamiInput = z.strictObject({});
export const WhoamiOutput = z.object({
  organization: Organization,
  key: CurrentKey.pick({ id: true, name: true, scopes: true, expiresAt: true, holder: true }),
  callsLeft: z.int(),
});

/** A contact in a list: the fields that tell contacts apart, and the version to change the contact from. */
const ContactRow = Contact.pick({
  id: true,
  name: true,
  email: true,
  company: true,
  title: true,
  tags: true,
  version: true,
});
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
  query: soughtText(200).optional().describe('words in any field but links and custom fields'),
  tag: soughtLine(100).optional(),
  email: soughtText(320).optional().describe('exact'),
  cursor: z.string().optional().describe("a page's nextCursor"),
  limit: z.int().min(1).max(50).default(10),
});
export const SearchOutput = z.object({ contacts: z.array(ContactRow), nextCursor: z.string().nullable() });

const ids = z.array(z.string()).min(1).max(MOST);
export const GetInput = z
  .strictObject({
    ids: z.array(z.string()).max(MOST).optional(),
    emails: z.array(soughtText(320)).max(MOST).optional(),
  })
  .refine(({ ids = [], emails = [] }) => {
    const count = ids.length + emails.length;
    return count > 0 && count <= MOST;
  }, `Give 1 to ${MOST} ids and emails`);
export const GetOutput = z.object({
  contacts: z.array(Contact.omit({ organizationId: true })),
  missing: z.array(z.object({ asked: z.string(), error: z.string() })),
});

export const toWhole = ({ organizationId: _, ...contact }: Contact) => contact;

export const CreateInput = ContactInput;
export const ContactOutput = z.object({ contact: ContactRow });
export const UpdateInput = ContactInput.partial().extend({
  id: z.string(),
  expectedVersion: z.int().min(0).optional().describe('refuse if changed since'),
});

export const UpsertInput = ContactUpsertRequest.omit({ organizationId: true });
const [Written, Failed] = UpsertResult.options;
export const UpsertOutput = z.object({
  results: z.array(
    z.object({
      index: Written.shape.index,
      outcome: z.enum([...Written.shape.outcome.options, Failed.shape.outcome.value]),
      id: z.string().optional(),
      version: z.int().optional(),
      ids: z.array(z.string()).optional().describe('contacts that the row fits'),
      error: z.string().optional(),
    }),
  ),
});

export const IdsInput = z.strictObject({ ids });
export const IdsOutput = z.object({
  results: z.array(z.object({ id: z.string(), outcome: z.enum(['done', 'failed']), error: z.string().optional() })),
});
