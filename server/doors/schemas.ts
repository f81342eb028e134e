import type { z } from 'zod';

/** For zod's JSON Schema, as its `override`: dates as they go out, and shorter forms of what zod says at length. */
export function represent({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: Internal;
  jsonSchema: z.core.JSONSchema.BaseSchema;
}) {
  if (definitionOf(zodSchema).type === 'date') Object.assign(jsonSchema, { type: 'string', format: 'date-time' });
  const [given, none, ...more] = jsonSchema.anyOf ?? [];
  if (given && 'type' in given && none && 'type' in none && none.type === 'null' && more.length === 0) {
    delete jsonSchema.anyOf;
    Object.assign(jsonSchema, given, { type: [given.type, 'null'] });
  }
  // The limits of every integer in JavaScript.
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}

/** The object within a schema that may be left out: `z.object({…}).optional()`, `.prefault({})`. */
export function objectOf(schema: z.ZodType): z.ZodObject {
  const { innerType } = definitionOf(schema);
  return innerType ? objectOf(innerType) : (schema as z.ZodObject);
}

interface Internal {
  _zod: { def: { type: string } };
}

/** What zod 4 keeps of a schema in `_zod`. This file alone reads `_zod`; test/pure/schemas.test.ts holds it. */
const definitionOf = (schema: Internal) => schema._zod.def as { type: string; innerType?: z.ZodType };
