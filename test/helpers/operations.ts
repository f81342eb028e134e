import fc from 'fast-check';
import type { Scope } from '../../shared/apiKeys.ts';
import { ContactSort } from '../../shared/contactSort.ts';
import { ContactInput } from '../../shared/contacts.ts';
import { caseless } from '../../shared/fold.ts';
import { ROLES } from '../../shared/roles.ts';
import { SCOPES } from '../../shared/scopes.ts';
import { isStorable } from '../../shared/text.ts';
import type { ModelList } from './model.ts';

const NAMES = [
  'Ada Lovelace',
  'ada',
  'Bob',
  'Zoë Ünal',
  'Zoe\u0308 UNAL',
  '100% _sure_ \\',
  'Ευρυδίκη',
  'Łukasz Groß',
  '山田 太郎',
  'がく 王Li',
  'สมชาย',
  '김철수 kim',
  'किरण',
  'مُحَمَّد',
  'O’Brien, "Pat"',
];
const EMAILS = ['ada@example.com', ' Ada@Example.COM ', 'bob@example.org', 'zoë@example.org', 'ZOE\u0308@example.org'];
const PHONES = ['+44 1', '(555) 12-34', '+44 20 7946 0958', '020 7946-0958', '+1 207 946 0958', '112'];
const PAGES = ['https://www.linkedin.com/in/ada', 'http://de.linkedin.com/in/Ada/?x=1', 'https://linkedin.com/in/bob'];
const TAGS = ['a', 'b', 'friend', 'Friend', 'FRIEND', 'Straße', 'STRASSE'];
const SEARCHES = [
  'ada',
  'ADA love',
  'lo',
  'b',
  'zoë',
  'ZOE unal',
  'ευρυδικη',
  "o'brien",
  'obrien pat',
  'lukasz gross',
  'ss',
  '山田太郎',
  '郎',
  'li',
  'か',
  'がく',
  'ชาย',
  '철수',
  '수',
  'कर',
  'محمد',
  'fri',
  'strasse',
  '44 1',
  '555 12',
  '(5) 55-12',
  '12',
  '%',
  '_',
  '\\',
  'example',
  'example.org bob',
  'acme',
  'nothing',
];

const storable = fc.string({ unit: 'grapheme', maxLength: 12 }).filter(isStorable);
const name = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...NAMES) },
  storable.map((text) => text.trim()).filter((text) => ContactInput.shape.name.safeParse(text).success),
);
const orNull = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 3 });

/**
 * JSON that survives a trip through JSON. No key means something to JavaScript (`__proto__`) or needs an escape: see
 * properties.test.ts.
 */
const customFields = fc
  .dictionary(fc.constantFrom('a', 'b', 'c.d', 'é'), fc.jsonValue({ maxDepth: 1 }), {
    maxKeys: 2,
    noNullPrototype: true,
  })
  .map((fields) => JSON.parse(JSON.stringify(fields)) as Record<string, unknown>)
  .filter((fields) => !/\\|"(?:__proto__|constructor|prototype)":/.test(JSON.stringify(fields)));

const optional = {
  email: orNull(fc.constantFrom(...EMAILS)),
  phone: orNull(fc.constantFrom('', ...PHONES)),
  otherEmails: orNull(fc.uniqueArray(fc.constantFrom(...EMAILS, 'other@example.com'), { maxLength: 3 })),
  otherPhones: orNull(fc.uniqueArray(fc.constantFrom(...PHONES), { maxLength: 3 })),
  title: orNull(fc.constantFrom('Dr', 'Chef d’équipe')),
  location: orNull(fc.constantFrom('Łódź', '12 High St')),
  company: orNull(fc.constantFrom('Acme', ' ACME ', 'Example')),
  notes: orNull(storable),
  linkedinUrl: orNull(fc.constantFrom(...PAGES)),
  tags: fc.uniqueArray(fc.constantFrom(...TAGS), { maxLength: 3 }),
  customFields,
};
// `null` empties a list too: the type of `ContactInput` is that of the values as they are kept.
const newContact = fc.record({ name, ...optional }, { requiredKeys: ['name', 'email'] }) as fc.Arbitrary<ContactInput>;
const changes = fc.record({ name, ...optional }, { requiredKeys: [] }) as fc.Arbitrary<Partial<ContactInput>>;
/** A row of the organization, by the row's place; a row of another organization; or an id without a row. */
const target = fc.record({
  whose: fc.oneof(
    { weight: 12, arbitrary: fc.constant('own' as const) },
    fc.constantFrom('other' as const, 'nobody' as const),
  ),
  index: fc.nat(50),
});
export type Target = { whose: 'own' | 'other' | 'nobody'; index: number };

/** Rows of an upsert, and the contact that a row names by its id. Some rows are invalid. */
const row = fc.record({
  target: fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, { weight: 2, arbitrary: target }),
  fields: fc.oneof(
    { weight: 6, arbitrary: newContact },
    {
      weight: 3,
      arbitrary: fc.record({ name, ...optional }, { requiredKeys: ['name'] }) as fc.Arbitrary<ContactInput>,
    },
    fc.constantFrom<ContactInput>({ name: '' }, { name: 'Bad', email: 'no address' }),
  ),
});
export type ModelRow = { target: Target | undefined; fields: ContactInput };

const version = fc.constantFrom('none', 'none', 'none', 'right', 'right', 'wrong');
const limit = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constant(50));
const keyName = fc.constantFrom('Zapier', 'agent', 'ключ');
const scopes = fc.oneof(fc.constant<Scope[]>(['keys:manage']), fc.subarray([...SCOPES], { minLength: 1 }));
const graceFrom = fc.constantFrom('now' as const, 'firstUse' as const);
/** The key that calls is named by the word `current`, and not by an id. */
const isCurrent = fc.constantFrom(false, false, true);
/** The place of a person, also of a removed person. */
const member = fc.nat(20);
const role = fc.constantFrom(...ROLES);
const conditions = {
  search: fc.constantFrom(...SEARCHES),
  tag: fc.constantFrom(...TAGS),
  tags: fc.uniqueArray(fc.constantFrom(...TAGS), { minLength: 1, maxLength: 2 }),
  company: fc.constantFrom('acme', 'ÁCME', 'Acm', 'example'),
  customField: fc.constantFrom('a:', 'a:true', 'b:0', 'c.d:x', 'é:false'),
  createdSince: fc.constantFrom(new Date(0), new Date('2100-01-01T00:00:00Z')),
  email: fc.constantFrom(...EMAILS, 'other@example.com', 'nobody@example.com'),
  /** The place of a contact. The list starts at this contact's last change. */
  since: fc.nat(50),
};
const more = { includeDeleted: fc.boolean(), sort: fc.constantFrom(undefined, ...ContactSort.options) };
/** Zero, one or several conditions of a list. */
const list = fc.oneof(
  { weight: 2, arbitrary: fc.record(more, { requiredKeys: [] }) },
  ...Object.entries(conditions).map(([name, value]) => fc.record({ [name]: value, ...more })),
  fc.record({ ...conditions, ...more }, { requiredKeys: [] }),
) as fc.Arbitrary<ModelList & { since?: number }>;

/** One or several conditions of a change of many contacts. */
const where = fc.oneof(
  ...Object.entries(conditions).map(([name, value]) => fc.record({ [name]: value })),
  fc.record({ tag: conditions.tag, search: conditions.search }),
) as fc.Arbitrary<ModelList & { since?: number }>;
const someTags = fc.uniqueArray(fc.constantFrom(...TAGS), { minLength: 1, maxLength: 2, selector: caseless });
const { email: _, otherEmails: __, ...inMany } = optional;
const set = fc.record({ name, ...inMany }, { requiredKeys: [] }).filter((fields) => Object.keys(fields).length > 0);
interface ChangeOfMany {
  set?: Partial<ContactInput>;
  addTags?: string[];
  removeTags?: string[];
  delete?: boolean;
  restore?: boolean;
}
const changeOfMany: fc.Arbitrary<ChangeOfMany> = fc.oneof(
  fc.record({ set }),
  fc.record({ addTags: someTags }),
  fc.record({ removeTags: someTags }),
  fc.record({ set: fc.record({ title: inMany.title, company: inMany.company }), addTags: someTags }),
  fc.constantFrom({ delete: true }, { restore: true }),
) as fc.Arbitrary<ChangeOfMany>;

const does = <N extends string, T extends object>(act: N, parts: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record({ act: fc.constant(act), ...parts } as never) as unknown as fc.Arbitrary<{ act: N } & T>;

const act = fc.oneof(
  { weight: 6, arbitrary: does('create', { fields: newContact }) },
  { weight: 6, arbitrary: does('update', { target, fields: changes, version }) },
  {
    weight: 4,
    arbitrary: does('upsertMany', { rows: fc.array(row, { minLength: 1, maxLength: 6 }), merge: fc.boolean() }),
  },
  { weight: 4, arbitrary: does('updateMany', { list: where, change: changeOfMany }) },
  { weight: 4, arbitrary: does('list', { list, limit }) },
  { weight: 3, arbitrary: does('delete', { target, version }) },
  { weight: 3, arbitrary: does('restore', { target }) },
  { weight: 2, arbitrary: does('get', { target }) },
  { weight: 4, arbitrary: does('issueKey', { name: keyName, scopes, selfRotate: fc.boolean() }) },
  { weight: 4, arbitrary: does('rotateKey', { target, graceHours: fc.constantFrom(0, 24), graceFrom, isCurrent }) },
  { weight: 2, arbitrary: does('revokeKey', { target, descendants: fc.constantFrom(undefined, 'revoke', 'keep') }) },
  does('endGrace', { target }),
  { weight: 2, arbitrary: does('changeRole', { member, role }) },
  { weight: 2, arbitrary: does('removeMember', { member, keep: fc.array(fc.nat(50), { maxLength: 5 }) }) },
  does('heldKeys', { member }),
  does('join', { member, role }),
  does('renameKey', { target, name: keyName }),
  does('getKey', { target }),
  does('listKeys', { limit }),
  does('currentKey', {}),
  does('expireKey', { target }),
);
export type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

/** An operation, and the caller and the door that make the operation. */
export const operation = fc.record({
  /** Mostly the first organization, so that most operations meet rows. */
  organization: fc.constantFrom(0, 0, 0, 1, 2),
  /** `undefined`: a valid key with all scopes. Otherwise any key of the organization, or a member, by the place. */
  caller: fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    { weight: 2, arbitrary: fc.record({ index: fc.nat(50), secret: fc.nat(5) }) },
    fc.record({ person: fc.nat(20) }),
  ),
  door: fc.nat(1),
  /** A dry run goes before the call, where the procedure has dry runs. */
  isDryFirst: fc.constantFrom(false, false, true),
  /** The organization that the input names: 0 is the caller's own organization, 1 and 2 are others. */
  names: fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, fc.nat(2)),
  act,
});
export type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;
