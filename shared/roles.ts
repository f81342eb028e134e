import type { Scope } from './scopes.ts';
import { SCOPES } from './scopes.ts';

/** What a person may do in an organization, the least first. */
export const ROLES = ['member', 'admin', 'owner'] as const;
type Role = (typeof ROLES)[number];

/** Owners and admins have every scope. */
export const scopesOf = (role: Role): Scope[] =>
  role === 'member' ? ['contacts:read', 'contacts:write'] : [...SCOPES];
/** Owners give any role; admins give those up to their own. */
export const mayGive = (giver: Role, role: Role) => ROLES.indexOf(role) <= ROLES.indexOf(giver);

/** Characters of a password. */
export const PASSWORD = { least: 12, most: 128 } as const;
