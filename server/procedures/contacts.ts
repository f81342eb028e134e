import { eraseContacts } from '../../db/contactErasure.ts';
import { listContacts } from '../../db/contactList.ts';
import { deleteContact, getContact, insertContact, restoreContact, updateContact } from '../../db/contacts.ts';
import { upsertContacts } from '../../db/contactUpsert.ts';
import { judgeRows } from '../../shared/contactRows.ts';
import {
  ContactCreateRequest,
  ContactDeleteRequest,
  ContactEraseRequest,
  ContactListRequest,
  ContactRequest,
  ContactsErased,
  ContactUpdateRequest,
  ContactUpsertRequest,
  DecodedContact,
  EncodedContactPage,
  UpsertResults,
} from '../../shared/contacts.ts';
import { settle } from './outcome.ts';
import { adminProcedure, router, scopedProcedure } from './procedure.ts';

export const contactsRouter = router({
  list: scopedProcedure('contacts:read')
    .input(ContactListRequest)
    .output(EncodedContactPage)
    .query(({ ctx: { tenant, organizationId, pageBytes: bytes }, input }) =>
      listContacts(tenant, { ...input, organizationId, bytes }),
    ),

  get: scopedProcedure('contacts:read')
    .input(ContactRequest)
    .output(DecodedContact)
    .query(async ({ ctx: { tenant, organizationId }, input: { id } }) =>
      settle(await getContact(tenant, { organizationId, id }), 'contact'),
    ),

  create: scopedProcedure('contacts:write')
    .input(ContactCreateRequest)
    .output(DecodedContact)
    .mutation(async ({ ctx: { tenant, organizationId }, input: { organizationId: _, ...input } }) =>
      settle(await insertContact(tenant, { organizationId, input }), 'contact'),
    ),

  update: scopedProcedure('contacts:write')
    .input(ContactUpdateRequest)
    .output(DecodedContact)
    .mutation(
      async ({ ctx: { tenant, organizationId }, input: { organizationId: _, id, expectedVersion, ...changes } }) =>
        settle(await updateContact(tenant, { organizationId, id, expectedVersion, changes }), 'contact'),
    ),

  delete: scopedProcedure('contacts:write')
    .input(ContactDeleteRequest)
    .output(DecodedContact)
    .mutation(async ({ ctx: { tenant, organizationId }, input: { id, expectedVersion } }) =>
      settle(await deleteContact(tenant, { organizationId, id, expectedVersion }), 'contact'),
    ),

  restore: scopedProcedure('contacts:write')
    .input(ContactRequest)
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

  upsertMany: scopedProcedure('contacts:write')
    .input(ContactUpsertRequest)
    .output(UpsertResults)
    .mutation(async ({ ctx: { tenant, organizationId }, input: { contacts, merge } }) => {
      const { rows, failed } = judgeRows(contacts, merge);
      const written = settle(await upsertContacts(tenant, { organizationId, rows, merge }), 'contact');
      return { results: [...written, ...failed].sort((a, b) => a.index - b.index) };
    }),
});
