import { z } from 'zod';
import { line, organizationId } from './text.ts';

export const Organization = z.object({ id: z.uuid(), name: z.string() });
export type Organization = z.infer<typeof Organization>;

export const CurrentOrganizationRequest = z.strictObject({ organizationId }).optional();

/** Days for which the deletion of an organization can be undone. Then the organization is erased. */
export const DAYS_TO_RESTORE = 30;

/** An organization that was just deleted. */
export interface OrganizationDeleted extends Organization {
  deletedAt: Date;
  /** When the organization is erased. */
  erasedAt: Date;
}

/** The name of an organization, as the command line takes a name. */
export const OrganizationName = z.object({ organization: line(100) });
