import type { Contact } from '../../../../shared/contacts.ts';
import { parseExact } from '../../../../shared/exactJson.ts';
import { patchBetween } from '../../../../shared/mergePatch.ts';

/** The fields of a contact that have one line in the form. */
export const TEXT_FIELDS = [
  { name: 'name', label: 'Name', required: true, type: 'text' },
  { name: 'email', label: 'Email', type: 'email' },
  { name: 'phone', label: 'Phone', type: 'tel' },
  { name: 'company', label: 'Company', type: 'text' },
  { name: 'title', label: 'Title', type: 'text' },
  { name: 'location', label: 'Location', type: 'text' },
  { name: 'linkedinUrl', label: 'LinkedIn', type: 'url' },
] as const;

/** The fields of a contact that are lists. */
export const LIST_FIELDS = [
  { name: 'otherEmails', label: 'Other emails', maxTags: 20 },
  { name: 'otherPhones', label: 'Other phones', maxTags: 20 },
  { name: 'tags', label: 'Tags', maxTags: 100 },
] as const;

type ListField = (typeof LIST_FIELDS)[number]['name'];
type TextField = (typeof TEXT_FIELDS)[number]['name'] | 'notes';

/** A contact in the form: texts, lists, and the custom fields as the JSON that the person types. */
export type Draft = Record<TextField, string> & Record<ListField, string[]> & { customFields: string };

const LABELS: Record<keyof Draft, string> = {
  ...(Object.fromEntries(TEXT_FIELDS.map(({ name, label }) => [name, label])) as Record<TextField, string>),
  notes: 'Notes',
  ...(Object.fromEntries(LIST_FIELDS.map(({ name, label }) => [name, label])) as Record<ListField, string>),
  customFields: 'Custom fields',
};
const FIELDS = Object.keys(LABELS) as (keyof Draft)[];

export function toDraft(contact: Contact | undefined): Draft {
  const text = (name: TextField) => contact?.[name] ?? '';
  const texts = Object.fromEntries(
    [...TEXT_FIELDS.map(({ name }) => name), 'notes' as const].map((name) => [name, text(name)]),
  );
  const lists = Object.fromEntries(LIST_FIELDS.map(({ name }) => [name, contact?.[name] ?? []]));
  const custom = contact?.customFields ?? {};
  const customFields = Object.keys(custom).length > 0 ? JSON.stringify(custom, null, 2) : '';
  return { ...(texts as Record<TextField, string>), ...(lists as Record<ListField, string[]>), customFields };
}

const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/**
 * The fields that a draft changes, in the service's form: an emptied field is `null`, and so is a custom field that is gone. Throws an `Error` where the
 * custom fields are no JSON object.
 */
export function changesOf(draft: Draft, before: Draft) {
  const changed = FIELDS.filter((name) => !isSame(draft[name], before[name]));
  return Object.fromEntries(changed.map((name) => [name, toValue(draft, before, name)]));
}

function toValue(draft: Draft, before: Draft, name: keyof Draft): unknown {
  // The service changes custom fields by a patch, in which a field that is left out stays.
  if (name === 'customFields') return patchBetween(parseObject(before.customFields), parseObject(draft.customFields));
  const value = draft[name];
  return name === 'name' || typeof value !== 'string' ? value : value.trim() || null;
}

function parseObject(text: string): Record<string, unknown> {
  if (text.trim() === '') return {};
  const value = parse(text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Error('Custom fields: not a JSON object, such as {"tier": "gold"}');
}

function parse(text: string): unknown {
  try {
    // A number that JavaScript would round is refused by the service.
    return parseExact(text);
  } catch {
    return undefined;
  }
}

/** A field that another person changed while this person edited the same field, with both values. */
export interface Conflict {
  label: string;
  mine: string;
  theirs: string;
}

/** The fields that both people changed from `before`, to different values. */
export function conflictsOf({ before, mine, theirs }: { before: Draft; mine: Draft; theirs: Draft }): Conflict[] {
  const both = FIELDS.filter(
    (name) =>
      !isSame(mine[name], before[name]) && !isSame(theirs[name], before[name]) && !isSame(mine[name], theirs[name]),
  );
  return both.map((name) => ({ label: LABELS[name], mine: String(mine[name]), theirs: String(theirs[name]) }));
}

/** The other person's draft, with this person's changes on top. */
export function mergeDrafts({ before, mine, theirs }: { before: Draft; mine: Draft; theirs: Draft }): Draft {
  const own = FIELDS.filter((name) => !isSame(mine[name], before[name]));
  return { ...theirs, ...Object.fromEntries(own.map((name) => [name, mine[name]])) };
}
