import { z } from 'zod';
import { documentedAs } from '../../../shared/documentedAs.ts';
import { represent } from '../schemas.ts';

type JsonSchema = { [keyword: string]: unknown };

/** What a model is told of a schema: the shapes and limits that it can act on, in as few tokens as will say them. */
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

/** Costs tokens, and is no news to a model. */
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
