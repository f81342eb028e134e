import type { Scope } from './scopes.ts';
import { SCOPES } from './scopes.ts';

/** The roles of people in an organization, in the order of rank, lowest first. */
export const ROLES = ['member', 'admin', 'owner'] as const;
type Role = (typeof ROLES)[number];

/** The scopes of a role. Owners and admins have every scope. */
export const scopesOf = (role: Role): Scope[] =>
  role === 'member' ? ['contacts:read', 'contacts:write'] : [...SCOPES];
/** True where `giver` may give `role`: nobody gives a role above their own rank. */
export const mayGive = (giver: Role, role: Role) => ROLES.indexOf(role) <= ROLES.indexOf(giver);

/** The least and the most characters of a password. */
export const PASSWORD = { least: 12, most: 128 } as const;
