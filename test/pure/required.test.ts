import { expect, test } from 'vitest';
import { tools } from '../../server/doors/mcp/tools.ts';
import { objectOf } from '../../server/doors/schemas.ts';
import { procedures } from '../../server/procedures/call.ts';
import { documentedAs } from '../../shared/documentedAs.ts';
import { issuesOf } from '../../shared/errors.ts';

const inputs = [
  ...Object.entries(procedures).map(([path, { input }]) => [path, input] as const),
  ...tools.map(({ name, input }) => [name, input] as const),
];

/** The issues of an input; none where it is taken. */
const issuesIn = (input: (typeof inputs)[number][1], value: unknown) => {
  const { error } = input.safeParse(value);
  return error ? issuesOf(error) : [];
};

test.each(inputs)('What is missing from the input of %s is called required, and nothing else', (_, input) => {
  const { shape } = objectOf(documentedAs(input) ?? input);
  const needed = Object.keys(shape).filter((field) => !shape[field]?.safeParse(undefined).success);
  const missing = needed.map((field) => ({ path: [field], message: 'Required' }));
  // A procedure without a field that is always needed may still ask for one of several fields.
  if (missing.length > 0) expect(issuesIn(input, {})).toEqual(missing);
  for (const { message } of issuesIn(input, undefined)) expect(message).toBe('Required');
  for (const { message } of issuesIn(input, {})) expect(message).not.toMatch(/invalid input|expected|undefined/i);
});
