import { z } from 'zod';
import { documentAs } from './documentedAs.ts';
import { markInexact } from './exactJson.ts';
import { digitsOf } from './fold.ts';
import { instant } from './instant.ts';
import { filter, Id, soughtLine, soughtText } from './text.ts';

/** A custom field that is looked for: the values of which the contact's value must be equal to any. */
export interface SoughtField {
  name: string;
  values: (string | number | boolean)[];
}

const fieldName = soughtText(500).min(1, 'Name the custom field');
const fieldValue = soughtText(1_000);

/**
 * A custom field as text, which a query of REST can write: `plan:pro`. Such a text does not tell `3` from `"3"`, so that
 * either is found.
 */
const writtenField = z.string().transform((written, context): SoughtField => {
  const [, name, value] = /^([^:]*):(.*)$/s.exec(written) ?? [];
  const named = fieldName.safeParse(name ?? '');
  const valued = fieldValue.safeParse(value);
  if (named.success && valued.success) return { name: named.data, values: [valued.data, ...scalarOf(valued.data)] };
  context.addIssue({ code: 'custom', message: 'Give a name and a value: plan:pro' });
  return z.NEVER;
});
function scalarOf(value: string): (number | boolean)[] {
  if (value === 'true' || value === 'false') return [value === 'true'];
  const isNumber = /^-?(0|[1-9]\d*)(\.\d+)?$/.test(value);
  // No contact has a number that would be rounded.
  return isNumber && markInexact(value) === value ? [Number(value)] : [];
}

const customField = documentAs(
  z.union(
    [
      z
        .strictObject({ name: fieldName, value: z.union([fieldValue, z.number(), z.boolean()]) })
        .transform(({ name, value }): SoughtField => ({ name, values: [value] })),
      writtenField,
    ],
    { error: 'Give a name and a value, a text, a number or a boolean: plan:pro, or {"name":"plan","value":"pro"}' },
  ),
  z.string().meta({ pattern: '^[^:]+:', examples: ['plan:pro'] }),
);

/** The conditions of lists, counts and changes of many contacts. A contact must meet every given condition. */
export const ContactConditions = z.strictObject({
  search: filter(200, 'words to look for')
    .optional()
    .describe(
      "Words to be found in name, emails, phones, company, title, location, tags or notes, each of them, without case and accents; one or two letters at a word's beginning",
    ),
  tag: filter(100, 'a tag').optional().describe('Contacts that have this tag, in whatever case'),
  tags: z.array(soughtLine(100)).min(1).max(100).optional().describe('Contacts that have all of these tags'),
  email: filter(320, 'an address')
    .optional()
    .describe(
      'The contact of this address, as its email or another of its emails; a deleted contact by its email alone',
    ),
  phone: filter(100, 'a number')
    .refine((phone) => digitsOf(phone) !== '', 'Give the digits of the number')
    .optional()
    .describe('Contacts of this number, however written; without a country, by its last nine digits'),
  company: filter(500, 'a company')
    .optional()
    .describe('Contacts of this company: its whole name, without case and accents'),
  ids: z.array(Id).min(1).max(100).optional().describe('These contacts; an id that nobody has is left out'),
  createdSince: instant.optional().describe('Contacts that were created at or after this instant'),
  updatedSince: instant.optional().describe('Contacts that have changed at or after this instant'),
  customField: customField
    .optional()
    .describe(
      'A custom field and its value: `plan:pro`. A number or a boolean is found too: `seats:3`. The field is at the top of `customFields`',
    ),
  includeDeleted: z.boolean().default(false).describe('Deleted contacts too'),
});
export type ContactConditions = z.output<typeof ContactConditions>;
