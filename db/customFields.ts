import { type RawBuilder, sql } from 'kysely';
import type { Issue } from '../shared/errors.ts';
import { CUSTOM_FIELDS_SIZE } from '../shared/json.ts';

/** What a caller reads where a patch would make the custom fields too large. */
export const FIELDS_TOO_LARGE: Issue = {
  path: ['customFields'],
  message: `Must be at most ${CUSTOM_FIELDS_SIZE} characters of JSON, with the fields that are there: take some away, with null`,
};

/**
 * SQL of a contact's custom fields after a JSON merge patch. Throws `FieldsTooLarge` where the fields grow beyond
 * `CUSTOM_FIELDS_SIZE`. `row` is what the error then names.
 */
export const patchedFields = (patch: RawBuilder<unknown>, row: RawBuilder<unknown> = sql`''`) =>
  sql<string>`introzy_patched_fields(contacts.custom_fields, ${patch}, ${sql.lit(CUSTOM_FIELDS_SIZE)}, ${row}::text)`;
