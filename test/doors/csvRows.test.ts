import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openCsvFileAt } from '../../server/cli/import/csvFileAt.ts';
import { contactsOf, counts, directory, importText, makeDirectory } from '../helpers/csv.ts';
import { testApp } from '../helpers/testApp.ts';

makeDirectory();

const fields = 'name,email,phone,company,title,location,linkedinUrl,notes,tags';
const ada = ['Ada', 'ada@example.com', '1', 'Engines', 'Dr', 'London', 'https://a.example/b', 'Æ', 'a; b;a'];
const utf16 = (text: string, isBigEndian: boolean) => {
  const bytes = Buffer.from(`\ufeff${text}`, 'utf16le');
  return isBigEndian ? bytes.swap16() : bytes;
};
test.each([
  ['commas', `${fields}\n${ada}\n`],
  ['semicolons, quoted', `${fields.replaceAll(',', ';')}\n${ada.map((cell) => `"${cell}"`).join(';')}`],
  ['tabs and CR LF', `${fields.replaceAll(',', '\t')}\r\n${ada.join('\t')}\r\n\r\n`],
  ['CR alone', `${fields}\r${ada}\r`],
  ['a byte order mark', `\ufeff${fields}\n${ada}\n`],
  ["Excel's sep line", `sep=;\r\n${fields.replaceAll(',', ';')}\r\n${ada.map((cell) => `"${cell}"`).join(';')}\r\n`],
  ['UTF-16, little-endian', utf16(`${fields}\r\n${ada}\r\n`, false)],
  ['UTF-16, big-endian', utf16(`${fields}\r\n${ada}\r\n`, true)],
  ['Windows-1252', Buffer.from(`${fields}\n${ada}\n`, 'latin1'), 'windows-1252'],
  [
    'headers in any case and order',
    `TAGS,Linkedin_URL,e-mail,NAME,Phone,Company,Title,Location,Notes\n"a,b",https://a.example/b,${ada[1]},Ada,1,Engines,Dr,London,Æ`,
  ],
])('our own fields are read: %s', async (_name, text, encoding?: string) => {
  await using app = await testApp();
  expect(counts(await importText(app, text, encoding))).toEqual([1, 0, 0, 0]);
  const [name, email, phone, company, title, location, linkedinUrl, notes] = ada;
  expect(await contactsOf(app)).toEqual([
    {
      name,
      email,
      phone,
      company,
      title,
      location,
      linkedinUrl,
      notes,
      tags: ['a', 'b'],
      customFields: {},
      version: 1,
    },
  ]);
});

test('a contact of the same email is changed: what is given is written, tags and custom fields are added', async () => {
  await using app = await testApp();
  await importText(app, 'name,email,phone,tags,Source\nAda,ada@example.com,1,"a,b",Fair\nBob,bob@example.com,2,,\n');
  const text = 'name,email,phone,company,tags,Rank\nAda L.,ADA@example.com,,Engines,"b,c",9\n,bob@example.com,2,,,\n';
  expect(counts(await importText(app, text))).toEqual([0, 1, 1, 0]);
  expect(await contactsOf(app)).toEqual([
    {
      name: 'Ada L.',
      email: 'ADA@example.com',
      phone: '1',
      company: 'Engines',
      tags: ['a', 'b', 'c'],
      customFields: { Source: 'Fair', Rank: '9' },
      version: 2,
    },
    { name: 'Bob', email: 'bob@example.com', phone: '2', tags: [], customFields: {}, version: 1 },
  ]);
  expect(counts(await importText(app, text))).toEqual([0, 0, 2, 0]);
});

test('of rows with one email the last one stays, also across batches', async () => {
  await using app = await testApp();
  const rows = Array.from({ length: 350 }, (_, index) => `Person ${index},${index % 3}@example.com`);
  const imported = await importText(app, `name,email\n${rows.join('\n')}\n`);
  expect(imported.created + imported.updated).toBe(350);
  expect(imported.created).toBe(3);
  expect((await contactsOf(app)).map((contact: { name: string }) => contact.name)).toEqual([
    'Person 347',
    'Person 348',
    'Person 349',
  ]);
});

test('a malformed row fails alone, by its line, and quotes out of place do not cost those that follow', async () => {
  await using app = await testApp();
  const lines = [
    'Name,Email,Notes', // 1
    'A,a@example.com,"two', // 2
    'lines"', // 3
    'B,b@example.com', // 4: a cell too few
    'C,c@example.com,,,x', // 5: cells too many
    'D,d@example.com,,', // 6: extra empty cells do no harm
    '', // 7
    'E "the" F,e@example.com,', // 8: a quote within a cell
    '"G" H,g@example.com,', // 9: text after a quoted cell
    '"I,i@example.com,', // 10: never closed
    '"J",j@example.com,"x ""y"""', // 11
    ' , , ', // 12: only blanks
    'K,not an address,', // 13
    `${'L'.repeat(501)},l@example.com,`, // 14
    'M,m@example.com,\u0000', // 15
    '"N,n@example.com,', // 16: never closed, to the end of the file
    'O,o@example.com,', // 17
  ];
  for (const lineBreak of ['\n', '\r\n']) {
    const { failures, failed } = await importText(app, lines.join(lineBreak));
    expect(
      (failures ?? '')
        .split('\n')
        .slice(0, -1)
        .map((line) => line.split(',', 2).map((cell) => cell.replaceAll('"', ''))),
    ).toEqual([
      ['import_line', 'import_failure'],
      ['4', 'The row has 2 cells'],
      ['5', 'The row has 5 cells'],
      ['8', expect.stringContaining('A quote is out of place')],
      ['9', expect.stringContaining('A quote is out of place')],
      ['10', expect.stringContaining('A quote is out of place')],
      ['13', 'email: Not an email address'],
      ['14', 'name: Must be 1 to 500 characters'],
      ['15', 'notes: Must not contain NUL or lone surrogates'],
      ['16', expect.stringContaining('A quote is out of place')],
    ]);
    expect(failed).toBe(9);
    expect(await contactsOf(app)).toMatchObject([
      { name: 'A', notes: 'two\nlines' },
      { name: 'D' },
      { name: 'J', notes: 'x "y"' },
      { name: 'O' },
    ]);
  }
});

test('the file of failed rows, mended, can be imported', async () => {
  await using app = await testApp();
  const { failures = '' } = await importText(
    app,
    'Name,Email,Rank\nAda,ada.example.com,"1, or\n2"\nBob,bob@example.com,3\n',
  );
  expect(failures).toBe(
    'import_line,import_failure,Name,Email,Rank\n2,email: Not an email address,Ada,ada.example.com,"1, or\n2"\n',
  );
  expect((await importText(app, failures)).failures, 'imported as it is').toBe(failures);
  const again = await importText(app, failures.replace('ada.example', 'ada@example'));
  expect(again).toEqual({ created: 1, updated: 0, unchanged: 0, failed: 0, failures: undefined });
  const customFields = (await contactsOf(app)).map((contact: { customFields: unknown }) => contact.customFields);
  expect(customFields).toEqual([{ Rank: '1, or\n2' }, { Rank: '3' }]);
});

test.each([
  ['that is not there', undefined, /^There is no file .*missing\.csv/],
  ['that is empty', '', /is empty\. Export it again/],
  ['without a header', 'Ada,ada@example.com\n', /has no header that is understood .* names their columns/],
  [
    'that is no text',
    Buffer.from('PK\u0003\u0004\xff\xfe\x00', 'latin1'),
    /is not text in UTF-8 .* Save it as "CSV UTF-8"/,
  ],
  ['that is one endless line', `Name,${'x'.repeat(1_200_000)}`, /has a line of more than 1048576 characters/],
])('a file %s is refused, with what to do', async (_name, content, expected) => {
  const path = join(directory, content === undefined ? 'missing.csv' : 'refused.csv');
  if (content !== undefined) await writeFile(path, content);
  await expect(openCsvFileAt(path, undefined)).rejects.toThrow(expected);
});
