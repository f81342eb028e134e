import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { ContactConditions } from '../shared/contactConditions.ts';
import { comparable } from '../shared/fold.ts';
import * as search from './contactSearch.ts';

/** The conditions that a caller gives. A condition that is left out, or `undefined`, asks for nothing. */
export type Conditions = { [K in keyof ContactConditions]?: ContactConditions[K] | undefined };

export type Sought = search.Sought & Pick<Conditions, 'email' | 'updatedSince'>;
export const toSought = (conditions: Conditions): Sought => ({
  ...search.toSought(conditions),
  email: conditions.email,
  updatedSince: conditions.updatedSince,
});

/** SQL that is true where a contact of any form meets the conditions, whether the contact is deleted or not. */
export const matches = (sought: Sought): RawBuilder<SqlBool> => sql`(${search.matches(sought)})
  and ${sought.email === undefined ? sql`true` : sql`email_key = ${comparable(sought.email)}`}
  and ${sought.updatedSince === undefined ? sql`true` : sql`updated_at >= ${sought.updatedSince}`}`;
