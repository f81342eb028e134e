/**
 * Days for which the deletion of an organization can be undone. Then the organization is erased. Without zod, for the
 * browser. Migration 0022 has the same days.
 */
export const DAYS_TO_RESTORE = 30;
