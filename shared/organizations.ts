import { z } from 'zod';
import { organizationId } from './text.ts';

export const Organization = z.object({ id: z.uuid(), name: z.string() });
export type Organization = z.infer<typeof Organization>;

export const CurrentOrganizationRequest = z.strictObject({ organizationId }).optional();

/** `name`: the organization's name, which the owner types, so that nobody deletes an organization by mistake. */
export const OrganizationDeleteRequest = z.strictObject({ organizationId, name: z.string().max(1_000) });

/** An organization that was just deleted. Until `erasedAt` the operator can restore the organization. */
export const OrganizationDeleted = Organization.extend({ deletedAt: z.date(), erasedAt: z.date() });
export type OrganizationDeleted = z.infer<typeof OrganizationDeleted>;

/** Characters that a reader does not see, beside blanks. */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\p{Cc}]/gu;

/** A name as a reader sees it: a page shows a no-break space, or several blanks, as a single blank. */
const asSeen = (name: string) => name.normalize('NFKC').replace(/\s+/gu, ' ').replace(UNSEEN, '').trim();

/** True where an owner has typed the name of the organization, as the page shows the name. */
export const isNameTyped = (typed: string, name: string) => asSeen(typed) === asSeen(name);
