import { expect, test } from 'vitest';
import type { z } from 'zod';
import { objectOf } from '../../server/doors/schemas.ts';
import { procedures } from '../../server/procedures/call.ts';
import { ContactInput } from '../../shared/contacts.ts';
import { newKey } from '../helpers/strayKeys.ts';

/** The forms in which a field may take text. */
const formsOf = (text: string) => [text, `${text}@example.com`, `https://example.com/${text}`];

/** The ways in which `schema` takes a text with a key. */
function takenBy(schema: z.ZodType): unknown[] {
  const texts = formsOf(newKey());
  return [...texts, ...texts.flatMap((text) => [[text], { text }, { [text]: 1 }, { deep: [{ text }] }])].filter(
    (value) => schema.safeParse(value).success,
  );
}

const written = Object.entries(procedures)
  .filter(([, { type }]) => type === 'mutation')
  .flatMap(([procedure, { input }]) =>
    Object.entries(objectOf(input).shape).map(([field, schema]) => [`${procedure} ${field}`, schema] as const),
  );
const fields = [
  ...written,
  ...Object.entries(ContactInput.shape).map(([field, schema]) => [`a row's ${field}`, schema] as const),
  // The rows of a batch are checked later, each by itself. The name that a deletion repeats is compared, and not kept.
].filter(([field]) => !['contacts.upsertMany contacts', 'organization.delete name'].includes(field)) as [
  string,
  z.ZodType,
][];

test('No field of a procedure that writes takes a text with a key', () => {
  expect(fields.length).toBeGreaterThan(30);
  for (const [field, schema] of fields) expect(takenBy(schema), field).toEqual([]);
});
