import { z } from 'zod';
import { organizationId } from './text.ts';

export const Organization = z.object({ id: z.uuid(), name: z.string() });
export type Organization = z.infer<typeof Organization>;

export const CurrentOrganizationRequest = z.strictObject({ organizationId }).optional();
