import { z } from 'zod';
import { documentedAs } from '../../../shared/documentedAs.ts';
import { represent } from '../schemas.ts';

type JsonSchema = { [keyword: string]: unknown };

/** The JSON Schema that a model reads: the shapes and limits that the model can act on, in few tokens. */
export function toJsonSchema(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const full = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      const documented = documentedAs(zodSchema);
      if (documented) Object.assign(jsonSchema, toJsonSchema(documented, io));
      represent({ zodSchema, jsonSchema });
    },
  });
  return slim(full as JsonSchema);
}

/** Keywords that cost tokens and tell a model nothing new. */
const NOISE = new Set(['$schema', 'additionalProperties', 'pattern', 'propertyNames', 'minLength', 'maxLength']);

function slim(schema: JsonSchema): JsonSchema {
  const told = Object.entries(schema).filter(([keyword]) => !NOISE.has(keyword));
  return Object.fromEntries(told.map(([keyword, value]) => [keyword, slimValue(keyword, value)]));
}

function slimValue(keyword: string, value: unknown): unknown {
  if (keyword === 'items') return slim(value as JsonSchema);
  if (keyword !== 'properties') return value;
  const properties = Object.entries(value as Record<string, JsonSchema>);
  return Object.fromEntries(properties.map(([name, property]) => [name, slim(property)]));
}
