import { expect, test } from 'vitest';
import { z } from 'zod';
import { objectOf, represent } from '../../server/doors/schemas.ts';
import { procedures } from '../../server/procedures/call.ts';

// server/doors/schemas.ts reads the field `_zod` of a schema. zod promises nothing about the field, so that these
// tests check the field.

const object = z.object({ name: z.string() });

test('The object within a schema is found, whatever may be left out of it', () => {
  for (const [what, schema] of Object.entries({
    itself: object,
    optional: object.optional(),
    prefault: object.prefault({ name: 'Ada' }),
    default: object.default({ name: 'Ada' }),
    nullable: object.nullable(),
    nested: object.optional().prefault({ name: 'Ada' }).readonly(),
  })) {
    expect(objectOf(schema), what).toBe(object);
  }
});

test('The input of every procedure has an object within', () => {
  for (const [name, { input }] of Object.entries(procedures)) {
    const { shape } = objectOf(input);
    expect(shape, name).toBeTypeOf('object');
    expect(Object.values(shape), name).toSatisfy((fields: unknown[]) => fields.every((f) => f instanceof z.ZodType));
  }
});

const toJson = (schema: z.ZodType) => {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { unrepresentable: 'any', override: represent });
  return json;
};

test('A date is represented as text of that format, also where it may be null', () => {
  expect(toJson(z.date())).toEqual({ type: 'string', format: 'date-time' });
  expect(toJson(z.date().nullable())).toEqual({ type: ['string', 'null'], format: 'date-time' });
});

test('What may be null, and an integer, are represented in short', () => {
  expect(toJson(z.string().max(5).nullable())).toEqual({ type: ['string', 'null'], maxLength: 5 });
  expect(toJson(z.enum(['a', 'b']).nullable())).toEqual({ type: ['string', 'null'], enum: ['a', 'b', null] });
  expect(toJson(object.nullable()).anyOf).toMatchObject([{ type: 'object' }, { type: 'null' }]);
  expect(toJson(z.int())).toEqual({ type: 'integer' });
  expect(toJson(z.int().min(0))).toEqual({ type: 'integer', minimum: 0 });
  expect(toJson(z.union([z.string(), object, z.null()])).anyOf).toHaveLength(3);
});
