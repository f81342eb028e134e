import type { z } from 'zod';
import { getContacts } from '../../db/contactBatch.ts';
import { updateContacts } from '../../db/contactChanges.ts';
import { eraseContacts } from '../../db/contactErasure.ts';
import { listContacts } from '../../db/contactList.ts';
import { countContacts } from '../../db/contactMatches.ts';
import { deleteContact, getContact, insertContact, restoreContact, updateContact } from '../../db/contacts.ts';
import { upsertContacts } from '../../db/contactUpsert.ts';
import { ContactGetManyRequest, ContactsGot } from '../../shared/contactBatch.ts';
import { ContactsUpdated, ContactUpdateManyRequest } from '../../shared/contactChanges.ts';
import { judgeRows } from '../../shared/contactRows.ts';
import {
  ContactCount,
  ContactCountRequest,
  ContactCreateRequest,
  ContactDeleteRequest,
  ContactEraseRequest,
  ContactListRequest,
  ContactRequest,
  ContactRestoreRequest,
  ContactsErased,
  ContactUpdateRequest,
  type ContactUpsertInput,
  ContactUpsertRequest,
  DecodedContact,
  EncodedContactPage,
  UpsertResults,
} from '../../shared/contacts.ts';
import { ContactTagPage, ContactTagsRequest } from '../../shared/contactTags.ts';
import { splitFields } from '../../shared/serviceFields.ts';
import { settle } from './outcome.ts';
import { adminProcedure, router, scopedProcedure } from './procedure.ts';

/** Milliseconds with the database that a count of contacts may take: two statements, each as long as any statement may take. */
const TIME_OF_COUNT = 3_000;
/** Milliseconds with the database that counts of tags may take. 2,000,000 tags of contacts take a second or two. */
const TIME_OF_COUNTS = 20_000;
/** Milliseconds with the database that a change of many contacts may take. 10,000 contacts take some seconds. */
const TIME_OF_CHANGE = 20_000;

export const contactsRouter = router({
  list: scopedProcedure('contacts:read')
    .input(ContactListRequest)
    .output(EncodedContactPage)
    .query(async ({ ctx: { tenant, organizationId, pageBytes: bytes }, input }) =>
      settle(await listContacts(tenant, { ...input, organizationId, bytes }), 'contact'),
    ),

  count: scopedProcedure('contacts:read')
    .input(ContactCountRequest)
    .output(ContactCount)
    .query(async ({ ctx: { admission, tenant, organizationId }, input: { organizationId: _, ...conditions } }) => {
      admission.giveTime(TIME_OF_COUNT);
      return settle(await countContacts(tenant, { organizationId, conditions }), 'contact');
    }),

  get: scopedProcedure('contacts:read')
    .input(ContactRequest)
    .output(DecodedContact)
    .query(async ({ ctx: { tenant, organizationId }, input: { id } }) =>
      settle(await getContact(tenant, { organizationId, id }), 'contact'),
    ),

  tags: scopedProcedure('contacts:read')
    .input(ContactTagsRequest)
    .output(ContactTagPage)
    .query(async ({ ctx: { deps, admission, tenant, organizationId }, input: { prefix, limit, cursor } }) => {
      admission.giveTime(TIME_OF_COUNTS);
      await admission.admit();
      return await deps.listTags(tenant, { organizationId, prefix, limit, cursor });
    }),

  getMany: scopedProcedure('contacts:read')
    .input(ContactGetManyRequest)
    .output(ContactsGot)
    .query(async ({ ctx: { tenant, organizationId, pageBytes: bytes }, input: { ids = [], emails = [] } }) =>
      settle(await getContacts(tenant, { organizationId, ids, emails, bytes }), 'contact'),
    ),

  create: scopedProcedure('contacts:write')
    .input(ContactCreateRequest)
    .output(DecodedContact)
    .mutation(async ({ ctx: { tenant, organizationId }, input: { organizationId: _, dryRun: __, ...input } }) =>
      settle(await insertContact(tenant, { organizationId, input }), 'contact'),
    ),

  update: scopedProcedure('contacts:write')
    .input(ContactUpdateRequest)
    .output(DecodedContact)
    .mutation(
      async ({
        ctx: { tenant, organizationId },
        input: { organizationId: _, dryRun: __, id, expectedVersion, ...given },
      }) => {
        const { service, fields: changes } = splitFields(given);
        return settle(
          await updateContact(tenant, { organizationId, id, expectedVersion, changes, service }),
          'contact',
        );
      },
    ),

  delete: scopedProcedure('contacts:write')
    .input(ContactDeleteRequest)
    .output(DecodedContact)
    .mutation(async ({ ctx: { tenant, organizationId }, input: { id, expectedVersion } }) =>
      settle(await deleteContact(tenant, { organizationId, id, expectedVersion }), 'contact'),
    ),

  restore: scopedProcedure('contacts:write')
    .input(ContactRestoreRequest)
    .output(DecodedContact)
    .mutation(async ({ ctx: { tenant, organizationId }, input: { id } }) =>
      settle(await restoreContact(tenant, { organizationId, id }), 'contact'),
    ),

  erase: adminProcedure
    .input(ContactEraseRequest)
    .output(ContactsErased)
    .mutation(async ({ ctx: { tenant, organizationId }, input: { ids } }) =>
      settle(await eraseContacts(tenant, { organizationId, ids }), 'contact'),
    ),

  updateMany: scopedProcedure('contacts:write')
    .input(ContactUpdateManyRequest)
    .output(ContactsUpdated)
    .mutation(async ({ ctx: { deps, admission, tenant, organizationId }, input: { organizationId: _, ...change } }) => {
      admission.giveTime(TIME_OF_CHANGE);
      // A caller whom the database refuses must not wait, nor take the place of a caller who waits.
      await admission.admit();
      const update = () => updateContacts(tenant, { ...change, organizationId });
      return settle(await deps.inBulk(organizationId, update), 'contact');
    }),

  upsertMany: scopedProcedure('contacts:write')
    .input(ContactUpsertRequest as z.ZodType<z.output<typeof ContactUpsertRequest>, ContactUpsertInput>)
    .output(UpsertResults)
    .mutation(async ({ ctx: { deps, admission, tenant, organizationId }, input: { contacts, merge } }) => {
      const { rows, failed } = judgeRows(contacts, merge);
      const upsert = () => upsertContacts(tenant, { organizationId, rows, merge });
      const takesOthers = rows.some(({ input }) => input.otherEmails?.length);
      // A caller whom the database refuses must not wait.
      if (takesOthers) await admission.admit();
      const written = settle(await (takesOthers ? deps.inTurn(organizationId, upsert) : upsert()), 'contact');
      return { results: [...written, ...failed].sort((a, b) => a.index - b.index) };
    }),
});
