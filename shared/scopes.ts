/** The scopes of keys and people. Without zod, for the browser: the schema `Scope` is in apiKeys.ts. */
export const SCOPES = ['contacts:read', 'contacts:write', 'keys:manage'] as const;
export type Scope = (typeof SCOPES)[number];
