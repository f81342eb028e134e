import { expect, test } from 'vitest';
import { contactsOf, counts, importText, makeDirectory } from '../helpers/csv.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';
import { type Procedure, type Refusal, VALUE_DOORS, type Written } from '../helpers/valueDoors.ts';
import { BEFORE, CELLS, type Fate } from '../helpers/values.ts';

makeDirectory();

const DOORS = Object.keys(VALUE_DOORS) as (keyof typeof VALUE_DOORS)[];
const PROCEDURES: Procedure[] = ['create', 'update', 'updateMany', 'upsert', 'merge'];
/** A change of many changes no emails. */
const hasField = (procedure: Procedure, field: string) => procedure !== 'updateMany' || field !== 'otherEmails';

let count = 0;
/** A contact to change, or the fields of a contact to create. */
async function begin(app: TestApp, procedure: Procedure) {
  const email = `ada${++count}@example.com`;
  if (procedure === 'create') return { email, id: '' };
  return { email, id: (await app.trpc(app.one.key).contacts.create.mutate({ ...BEFORE, email })).id };
}

/** The place of a contact's fields in the input. */
const placeOf = (procedure: Procedure) => (procedure === 'updateMany' ? ['set'] : []);

const isRefused = (fate: Fate): fate is Extract<Fate, { refused: RegExp }> => 'refused' in fate;
const withoutDates = ({ updatedAt: _, ...contact }: Record<string, unknown>) => contact;

test.each(DOORS.flatMap((door) => PROCEDURES.map((procedure) => [door, procedure] as const)))(
  'What comes in over %s by %s is kept, and read over another door, or refused with its place',
  async (door, procedure) => {
    await using app = await testApp();
    const { write, read } = VALUE_DOORS[door];
    for (const { field, value, created, changed, merged } of CELLS) {
      if (!hasField(procedure, field)) continue;
      const fate = { create: created, update: changed, updateMany: changed, upsert: changed, merge: merged }[procedure];
      const { email, id } = await begin(app, procedure);
      const before = id && (await read(app, id));
      const isNamed = field === 'name' || ['update', 'updateMany'].includes(procedure);
      const given = [
        ...(isNamed ? [] : ['"name":"Ada"']),
        ...(procedure === 'updateMany' ? [] : [`"email":"${email}"`]),
        `"${field}":${value}`,
      ];
      const fields = `{${given.join()}}`;
      const label = `${field}: ${value.slice(0, 60)}`;
      const written: Written = await write({ app, procedure, id, fields });
      if (isRefused(fate)) {
        // Over MCP the issues of a row are words, without the type of an index.
        const place = [...placeOf(procedure), field, ...(fate.at ?? [])];
        expect('path' in written && written.path.map(String), label).toEqual(place.map(String));
        expect('message' in written && written.message, label).toMatch(fate.refused);
        if (id) expect(await read(app, id), label).toEqual(before);
      } else {
        expect(written, label).toHaveProperty('id');
        const after = await read(app, (written as { id: string }).id);
        expect(after[field], label).toEqual(fate.kept);
        // The version grows only where the value differs.
        const isSame = before && JSON.stringify(before[field]) === JSON.stringify(after[field]);
        if (before) expect(after.version - before.version, label).toBe(isSame ? 0 : 1);
        if (isSame) expect(withoutDates(after), label).toEqual(withoutDates(before));
      }
    }
  },
);

test.each(DOORS)('An email over %s is kept as written, and emptied by null and by blanks', async (door) => {
  await using app = await testApp();
  const { write, read } = VALUE_DOORS[door];
  for (const [value, kept] of [
    ['null', null],
    ['""', null],
    ['"  "', null],
    ['" New@Example.com "', ' New@Example.com '],
  ] as const) {
    const { id } = await begin(app, 'update');
    expect(await write({ app, procedure: 'update', id, fields: `{"email":${value}}` })).toHaveProperty('id', id);
    expect((await read(app, id)).email).toBe(kept);
    await app.trpc(app.one.key).contacts.update.mutate({ id, email: null });
  }
  for (const procedure of ['create', 'upsert'] as const) {
    const made = await write({ app, procedure, id: '', fields: '{"name":"Ada","email":""}' });
    expect((await read(app, (made as { id: string }).id)).email).toBeNull();
  }
});

test.each(DOORS)(
  'What is not known over %s is refused by its name, and what the service sets with the reason',
  async (door) => {
    await using app = await testApp();
    const { write } = VALUE_DOORS[door];
    for (const procedure of PROCEDURES) {
      const { email, id } = await begin(app, procedure);
      const own = procedure === 'updateMany' ? '' : `"email":"${email}",`;
      const fields = (more: string) => `{"name":"Ada",${own}${more}}`;
      expect(await write({ app, procedure, id, fields: fields('"emial":null') }), procedure).toEqual({
        path: [...placeOf(procedure), 'emial'],
        message: 'There is no field "emial" here: leave it out',
      });
      for (const set of ['"createdAt":"2020-01-01T00:00:00Z"', '"version":7', '"deletedAt":"2020-01-01T00:00:00Z"']) {
        const refused = (await write({ app, procedure, id, fields: fields(set) })) as Refusal;
        expect([refused.path, refused.message], `${procedure} ${set}`).toEqual([
          [...placeOf(procedure), /\w+/.exec(set)?.[0]],
          expect.stringMatching(/^Is set by the service.*leave it out/),
        ]);
      }
    }
  },
);

test('A file’s rows are kept, or refused with their reason, as over any other door', async () => {
  await using app = await testApp();
  const rows = [
    ['name', 'email', 'company', 'Score'],
    ['Ada', 'ada@example.com', '" Acme "', '9007199254740993'],
    ['\u3164', 'filler@example.com', 'Acme', ''],
    ['Bob', 'bob@example.com', 'a\u202eb', ''],
    ['Cem', 'cem@example.com', '"two\nlines"', ''],
    ['', 'nameless@example.com', '', '1.0'],
    ['', 'called@example.com', 'By the company', ''],
  ];
  const imported = await importText(app, rows.map((row) => row.join(',')).join('\n'));
  expect(counts(imported)).toEqual([3, 0, 0, 3]);
  for (const reason of [
    'name: Must have a visible character',
    'company: Must not turn',
    'company: Must be a single line',
  ]) {
    expect(imported.failures).toContain(reason);
  }
  expect(await contactsOf(app)).toMatchObject([
    { name: 'Ada', company: 'Acme', customFields: { Score: '9007199254740993' } },
    { name: 'By the company', email: 'called@example.com' },
    { name: 'nameless@example.com', customFields: { Score: '1.0' } },
  ]);
});

test('With merge a contact is called by its company, email or phone, where its name is left out or empty', async () => {
  await using app = await testApp();
  for (const door of DOORS) {
    const { write, read } = VALUE_DOORS[door];
    for (const [fields, name] of [
      ['"company":" Acme ","phone":"1"', 'Acme'],
      ['"name":null,"company":"","phone":"1"', '1'],
      ['"name":"  ","phone":" 2 "', '2'],
      [`"otherEmails":["other-${door}@example.com"],"phone":"1"`, `other-${door}@example.com`],
      ['"otherEmails":[],"otherPhones":["3"]', '3'],
    ]) {
      const made = await write({ app, procedure: 'merge', id: '', fields: `{${fields}}` });
      expect((await read(app, (made as { id: string }).id)).name, `${door} ${fields}`).toBe(name);
      expect(await write({ app, procedure: 'upsert', id: '', fields: `{${fields}}` })).toMatchObject({
        path: ['name'],
      });
    }
    expect(await write({ app, procedure: 'merge', id: '', fields: '{"name":""}' })).toEqual({
      path: ['name'],
      message: 'Required',
    });
  }
});
