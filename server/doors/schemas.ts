import type { z } from 'zod';

/** The `override` of `z.toJSONSchema`: dates as text, and shorter forms of schemas that zod writes at length. */
export function represent({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: Internal;
  jsonSchema: z.core.JSONSchema.BaseSchema;
}) {
  if (definitionOf(zodSchema).type === 'date') Object.assign(jsonSchema, { type: 'string', format: 'date-time' });
  const [given, none, ...more] = jsonSchema.anyOf ?? [];
  const isNullable = none && 'type' in none && none.type === 'null' && more.length === 0;
  // An object stays apart from null: its rules, such as `additionalProperties`, are for objects alone.
  if (isNullable && given && 'type' in given && given.type !== 'object') {
    delete jsonSchema.anyOf;
    // An `enum` holds for every type, so null must be among its values.
    const values = given.enum && { enum: [...given.enum, null] };
    Object.assign(jsonSchema, given, { type: [given.type, 'null'] }, values);
  }
  // The limits of every integer in JavaScript.
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}

/** The object schema within its wrappers: `z.object({…}).optional()`, `z.object({…}).prefault({})`. */
export function objectOf(schema: z.ZodType): z.ZodObject {
  const { innerType } = definitionOf(schema);
  return innerType ? objectOf(innerType) : (schema as z.ZodObject);
}

interface Internal {
  _zod: { def: { type: string } };
}

/** zod 4's private definition of a schema. Only this file reads `_zod`; test/pure/schemas.test.ts checks the shape. */
const definitionOf = (schema: Internal) => schema._zod.def as { type: string; innerType?: z.ZodType };
