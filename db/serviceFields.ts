import { type SqlBool, sql } from 'kysely';
import type { Issue } from '../shared/errors.ts';
import type { ServiceField, ServiceFields } from '../shared/serviceFields.ts';

/** True where the contact has the values that a caller has sent back. */
export const isAsSent = (service: ServiceFields) => sql<SqlBool>`document::jsonb @> ${JSON.stringify(service)}::jsonb`;

/**
 * An issue for each field that differs from the contact. `document` is the contact as JSON, in which a date is text; of a
 * contact that is not there yet, what is known of the contact.
 */
export function issuesOfChanged(service: ServiceFields, document: string): Issue[] {
  const present = JSON.parse(document) as ServiceFields;
  return Object.entries(JSON.parse(JSON.stringify(service)) as ServiceFields)
    .filter(([field, value]) => value !== present[field as ServiceField])
    .map(([field]) => ({ path: [field], message: told(field, present[field as ServiceField]) }));
}

function told(field: string, present: unknown): string {
  const remedy = field === 'version' ? ', or send it as expectedVersion, for a change of that version alone' : '';
  const now = present === undefined ? '' : `, and is ${JSON.stringify(present)}`;
  return `Is set by the service${now}: leave it out${remedy}`;
}
