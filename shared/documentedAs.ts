import type { z } from 'zod';

const documentation = new WeakMap<object, z.ZodType>();

/** Marks `schema`, whose check JSON Schema cannot express: OpenAPI and the MCP tools show `as` in its place. */
export function documentAs<T extends z.ZodType>(schema: T, as: z.ZodType): T {
  documentation.set(schema, as);
  return schema;
}

/** The schema that OpenAPI and the MCP tools show in place of `schema`; `undefined` where `schema` itself is shown. */
export const documentedAs = (schema: object): z.ZodType | undefined => documentation.get(schema);
