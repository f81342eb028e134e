import type { z } from 'zod';

const documentation = new WeakMap<object, z.ZodType>();

/** `schema`, that only its code can check, with the one that says the same in JSON Schema. */
export function documentAs<T extends z.ZodType>(schema: T, as: z.ZodType): T {
  documentation.set(schema, as);
  return schema;
}

/** The schema that says in JSON Schema what `schema` checks, where that cannot itself. */
export const documentedAs = (schema: object): z.ZodType | undefined => documentation.get(schema);
