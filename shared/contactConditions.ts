import type { z } from 'zod';
import { ContactListRequest } from './contacts.ts';

/** The conditions of lists, counts and changes of many contacts. A contact must meet every given condition. */
export const ContactConditions = ContactListRequest.unwrap().omit({ organizationId: true, limit: true, cursor: true });
export type ContactConditions = z.output<typeof ContactConditions>;
