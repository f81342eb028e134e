import type { z } from 'zod';

interface Represented {
  zodSchema: z.core.$ZodTypes;
  jsonSchema: z.core.JSONSchema.BaseSchema;
}

/** For zod's JSON Schema, as an override: dates as they go out, and plainly what it says at length. */
export function represent({ zodSchema, jsonSchema }: Represented) {
  if (zodSchema._zod.def.type === 'date') Object.assign(jsonSchema, { type: 'string', format: 'date-time' });
  const [given, none, ...more] = jsonSchema.anyOf ?? [];
  if (given && 'type' in given && none && 'type' in none && none.type === 'null' && more.length === 0) {
    delete jsonSchema.anyOf;
    Object.assign(jsonSchema, given, { type: [given.type, 'null'] });
  }
  // The numbers that any integer has.
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
}
