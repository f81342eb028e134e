import { expect, test } from 'vitest';
import { type ImportOptions, importFile } from '../../client/dashboard/pages/contacts/importFile.ts';
import type { UpsertResult } from '../../shared/contacts.ts';
import { testApp } from '../helpers/testApp.ts';

const CREATED = { outcome: 'created', id: '01890000-0000-7000-8000-000000000000', version: 1 } as const;

/** Imports a file's content, and notes each batch and the state after the batch. */
async function importBytes(bytes: string | Uint8Array, options: Partial<ImportOptions> = {}) {
  const batches: Record<string, unknown>[][] = [];
  const states: object[] = [];
  const failures = await importFile(new Blob([bytes as Uint8Array<ArrayBuffer>]), {
    signal: new AbortController().signal,
    onProgress: (progress) => states.push(progress),
    async write(contacts) {
      batches.push(contacts);
      return contacts.map((_, index): UpsertResult => ({ index, ...CREATED }));
    },
    ...options,
  });
  return {
    batches,
    last: states.at(-1),
    shares: states.map((state) => (state as { share: number }).share),
    failures: await failures?.text(),
  };
}

test('A file is read in batches of 100, in its order, and told how far it is', async () => {
  const lines = Array.from({ length: 20_050 }, (_, index) => `Person ${index},person${index}@example.com`);
  const { batches, last, shares, failures } = await importBytes(['Name,Email', ...lines].join('\n'));
  expect(batches.map(({ length }) => length)).toEqual([...Array(200).fill(100), 50]);
  expect(batches.flat().map(({ name }) => name)).toEqual(lines.map((line) => line.split(',')[0]));
  expect(last).toEqual({ created: 20_050, updated: 0, unchanged: 0, failed: 0, share: 1 });
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  expect(failures).toBeUndefined();
});

test.each([
  ['UTF-8', new TextEncoder().encode('Name\nÜbung')],
  ['UTF-8 with its mark', new TextEncoder().encode('\uFEFFName\nÜbung')],
  ['UTF-16', new Uint8Array(Buffer.from('\uFEFFName\nÜbung', 'utf16le'))],
  ['windows-1252', new Uint8Array(Buffer.from('Name\nÜbung', 'latin1'))],
])('It is read as %s', async (_, bytes) => {
  expect((await importBytes(bytes)).batches).toEqual([[{ name: 'Übung' }]]);
});

test('Rows that are no contact, and those that the service refuses, are in a file that can be mended and imported', async () => {
  const text =
    'Name,Email,City\nAda,ada@example.com\n"Grace",no address,"New York"\n,,Paris\nKatherine,k@example.com,Rome';
  const refuse: ImportOptions['write'] = async (contacts) =>
    contacts.map(({ email }, index) =>
      String(email).includes('@')
        ? { index, ...CREATED }
        : {
            index,
            outcome: 'failed',
            error: 'Invalid request',
            issues: [{ path: ['email'], message: 'Not an email address' }],
          },
    );
  const { failures, last } = await importBytes(text, { write: refuse });
  expect(last).toMatchObject({ created: 1, failed: 3 });
  expect(failures).toBe(
    [
      'import_line,import_failure,Name,Email,City',
      '2,"The row has 2 cells, and the header has 3",Ada,ada@example.com',
      '3,email: Not an email address,Grace,no address,New York',
      '4,"The row has no name, and no company, email or phone to call the contact by",,,Paris',
      '',
    ].join('\n'),
  );
  const mended = (failures ?? '')
    .replace('no address', 'grace@example.com')
    .replace('ada@example.com', 'ada@example.com,London');
  const again = await importBytes(mended, { write: refuse });
  expect(again.last).toMatchObject({ created: 2, failed: 1 });
});

test.each([
  ['', /^The file is empty/],
  ['a,b\n1,2', /^The file has no header that is understood in its first 50 lines\. Put a line in front of its rows/],
  [`Name\n${'x'.repeat(1_100_000)}`, /^The file has a line of more than 1048576 characters: this is no CSV file/],
  [new Uint8Array([0xff, 0xfe, 0x00, 0xd8, 0x41, 0x00]), /^The file is not text in UTF-16LE/],
])('What cannot be imported says why', async (bytes, sentence) => {
  await expect(importBytes(bytes)).rejects.toThrow(sentence);
});

test('A failure stops it and says how far it came; who stops it is obeyed at once', async () => {
  const text = ['Name,Email', ...Array.from({ length: 300 }, (_, index) => `P${index},p${index}@example.com`)].join(
    '\n',
  );
  let calls = 0;
  const write: ImportOptions['write'] = async (contacts) => {
    calls += 1;
    if (calls === 2) throw new Error('Service temporarily unavailable.');
    return contacts.map((_, index): UpsertResult => ({ index, ...CREATED }));
  };
  await expect(importBytes(text, { write })).rejects.toThrow(
    'The import stopped at line 102, after 100 contacts: Service temporarily unavailable. Import the rest again: rows with an email address are not doubled.',
  );
  const controller = new AbortController();
  let batches = 0;
  const stopped = importBytes(text, {
    signal: controller.signal,
    async write(contacts) {
      batches += 1;
      controller.abort();
      return contacts.map((_, index): UpsertResult => ({ index, ...CREATED }));
    },
  });
  await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
  expect(batches).toBe(1);
});

test('Merging, over either door, adds to what a contact has, and makes a name only for a new one', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  const ada = { name: 'Ada', email: 'ada@example.com', company: 'Engines', tags: ['friend'], customFields: { a: 1 } };
  await contacts.create.mutate(ada);
  const rows = [
    { email: 'ADA@example.com', company: null, title: 'Countess', tags: ['maths', 'friend'], customFields: { b: 2 } },
    { company: 'Nameless Inc.', phone: '1' },
    { email: 'nobody@example.com' },
    { tags: ['nothing to call it by'] },
  ];
  const merged = await app.api(app.one.key, 'POST', '/api/contacts/batch', { contacts: rows, merge: true });
  expect(merged.body.data.results.map(({ outcome }: { outcome: string }) => outcome)).toEqual([
    ...['updated', 'created', 'created', 'failed'],
  ]);
  const { items } = await contacts.list.query();
  expect(items.map(({ name }) => name)).toEqual(['nobody@example.com', 'Nameless Inc.', 'Ada']);
  expect(items[2]).toMatchObject({
    ...{ company: 'Engines', title: 'Countess', tags: ['friend', 'maths'], customFields: { a: 1, b: 2 }, version: 2 },
  });
  const again = await contacts.upsertMany.mutate({
    contacts: rows.slice(0, 1) as unknown as { name: string }[],
    merge: true,
  });
  expect(again.results).toMatchObject([{ outcome: 'unchanged' }]);
  // Without `merge` a row needs a name, and replaces the tags.
  const plain = await contacts.upsertMany.mutate({
    contacts: [{ name: 'Ada', email: 'ada@example.com', tags: ['maths'] }],
  });
  expect(plain.results).toMatchObject([{ outcome: 'updated' }]);
  expect((await contacts.list.query({ email: 'ada@example.com' })).items[0]?.tags).toEqual(['maths']);
  const nameless = await contacts.upsertMany.mutate({ contacts: rows.slice(1, 2) as unknown as { name: string }[] });
  expect(nameless.results).toMatchObject([{ outcome: 'failed' }]);
});
