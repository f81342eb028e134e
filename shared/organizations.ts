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
