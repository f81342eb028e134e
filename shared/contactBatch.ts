import { z } from 'zod';
import { Contact, DecodedContact } from './contacts.ts';
import { documentAs } from './documentedAs.ts';
import { Id, organizationId, soughtText } from './text.ts';

/** The most ids and emails of a call. */
const MOST = 100;
const GIVE_SOME = `Give 1 to ${MOST} ids and emails in all`;

export const ContactGetManyRequest = z
  .strictObject({
    organizationId,
    ids: z.array(Id).max(MOST, GIVE_SOME).optional(),
    emails: z.array(soughtText(320)).max(MOST, GIVE_SOME).optional().describe('As emails are compared'),
  })
  .refine(
    ({ ids = [], emails = [] }) => ids.length + emails.length > 0 && ids.length + emails.length <= MOST,
    GIVE_SOME,
  );

const asked = z.object({ ids: z.array(z.uuid()), emails: z.array(z.string()) });
const gotOf = <T extends z.ZodType>(contact: T) =>
  z.object({
    contacts: z
      .array(contact)
      .describe('In the order asked, by ids and then by emails; a contact that is asked for twice comes once'),
    missing: asked.describe('Of these there is no contact, or it is deleted'),
    unread: asked.describe('For these the answer has no room, as it ends at 4 MiB: ask for them in another call'),
  });
export const ContactsGot = documentAs(gotOf(DecodedContact), gotOf(Contact));
