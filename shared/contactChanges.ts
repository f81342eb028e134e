import { z } from 'zod';
import { ContactConditions } from './contactConditions.ts';
import { ContactInput, eachOnce, MOST_TAGS } from './contacts.ts';
import { documentAs } from './documentedAs.ts';
import { dryRun } from './dryRun.ts';
import { BLANKS, caseless, fold, separateWords } from './fold.ts';
import { line, organizationId } from './text.ts';

/** The most contacts that a call changes. */
export const MOST_CHANGED = 10_000;

const hasWords = (search: unknown) =>
  String(search)
    .split(BLANKS)
    .some((word) => separateWords(fold(word)).trim() !== '');

/** Conditions of which at least one leaves contacts out. A search for an apostrophe alone, such as `'`, leaves out none. */
const where = ContactConditions.omit({ includeDeleted: true }).refine(
  (conditions) =>
    Object.entries(conditions).some(([name, value]) => value !== undefined && (name !== 'search' || hasWords(value))),
  'Give at least one condition: `updatedSince` with an early date is every contact',
);

const fields = ContactInput.partial().omit({ email: true, otherEmails: true });
const hasEmail = (given: unknown) =>
  typeof given === 'object' && given !== null && ('email' in given || 'otherEmails' in given);
const set = documentAs(
  z
    .custom<z.input<typeof fields>>(() => true)
    .refine((given) => !hasEmail(given), {
      path: ['email'],
      error: 'An email is a single contact’s: change emails contact by contact',
    })
    .pipe(fields),
  fields,
);

const ACTIONS = ['set', 'addTags', 'removeTags', 'delete', 'restore'] as const;

/** A change of every contact that meets the conditions. */
export const ContactUpdateManyRequest = z
  .strictObject({
    organizationId,
    where,
    set: set.optional().describe('The fields to write, as an update of a contact writes them; emails are left out'),
    addTags: z.array(line(100)).min(1).max(MOST_TAGS).overwrite(eachOnce).optional(),
    removeTags: z.array(line(100)).min(1).max(MOST_TAGS).optional().describe('In whatever case'),
    delete: z.boolean().optional().describe('`true`: delete the contacts, and change nothing else'),
    restore: z
      .boolean()
      .optional()
      .describe(
        '`true`: restore the contacts, and change nothing else. The conditions then look among the deleted ones',
      ),
    dryRun,
  })
  .superRefine(({ set: fields, addTags, removeTags = [], ...input }, context) => {
    const isAsked = {
      ...input,
      set: fields && Object.values(fields).some((value) => value !== undefined),
      addTags,
      removeTags: removeTags.length > 0,
    };
    if (context.issues.length > 0) return;
    const asked = ACTIONS.filter((action) => isAsked[action]);
    const refuse = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    if (asked.length === 0) refuse([], `Say what to change: ${ACTIONS.join(', ')}`);
    for (const alone of ['delete', 'restore'] as const) {
      const other = asked.find((action) => action !== alone);
      if (input[alone] && other) refuse([alone], `Goes alone: leave out ${other}, or ask for it in another call`);
    }
    if (fields?.tags && (addTags || removeTags.length > 0))
      refuse(['set', 'tags'], 'Replaces all tags: leave out addTags and removeTags');
    const removed = new Set(removeTags.map(caseless));
    const both = addTags?.find((tag) => removed.has(caseless(tag)));
    if (both !== undefined) refuse(['removeTags'], 'A tag cannot be both added and removed');
  });

/** What a change did to the contacts that met the conditions. */
export const ContactsUpdated = z.object({
  matched: z.int().describe('The contacts that met the conditions'),
  updated: z.int().describe('Those that the change changed'),
  unchanged: z.int().describe('Those that were so before'),
  ids: z.array(z.uuid()).describe('The contacts that the change changed, in the order of their ids'),
});
export type ContactsUpdated = z.infer<typeof ContactsUpdated>;
