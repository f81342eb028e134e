import { createWriteStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { asOperator } from '../db/tenant.ts';
import { createProgressLine } from '../server/cli/progress.ts';
import { openCsvFile } from '../server/csv/csvFile.ts';
import { createFailuresFile } from '../server/csv/failures.ts';
import { importContacts } from '../server/csv/importContacts.ts';
import { commandLine } from './cliHelpers.ts';
import { type TestApp, testApp } from './helpers/testApp.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'introzy-csv-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

interface Imported {
  created: number;
  updated: number;
  unchanged: number;
  failed: number;
  /** The file of failures; `undefined` where there is none. */
  failures: string | undefined;
}

/** Imports a file into the organization `one`, as the command does. */
async function importFile(app: TestApp, path: string, encoding?: string): Promise<Imported> {
  const organizationId = app.one.id;
  const file = await openCsvFile(path, encoding);
  const failures = await createFailuresFile(path, file.columns.headers.slice(file.columns.added));
  const contactImport = { organizationId, file, failures, onProgress: () => {} };
  const counts = await importContacts(asOperator(app.db, organizationId), contactImport);
  await failures.close();
  return { ...counts, failures: await readFile(failures.path, 'utf8').catch(() => undefined) };
}

async function importText(app: TestApp, text: string | Buffer, encoding?: string): Promise<Imported> {
  const path = join(directory, 'contacts.csv');
  await writeFile(path, text);
  return await importFile(app, path, encoding);
}

const importFixture = async (app: TestApp, name: string) =>
  await importText(app, await readFile(join(import.meta.dirname, 'fixtures', name)));

/** The organization's contacts by name, without what differs from run to run. */
async function contactsOf(app: TestApp, { key } = app.one) {
  const { body } = await app.api(key, 'GET', '/api/contacts?limit=200');
  const contacts = body.data.map((contact: Record<string, unknown>) => {
    const { id, organizationId, createdAt, updatedAt, ...rest } = contact;
    return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null));
  });
  return contacts.sort((a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1));
}

const counts = ({ created, updated, unchanged, failed }: Imported) => [created, updated, unchanged, failed];

test("LinkedIn's Connections.csv is taken as it comes, with its notes in front of the header", async () => {
  await using app = await testApp();
  const imported = await importFixture(app, 'linkedin-connections.csv');
  expect(counts(imported)).toEqual([3, 0, 0, 1]);
  expect(imported.failures?.split('\n')[1]).toMatch(
    /^7,"The row has no name, .*",,,https:\/\/www\.linkedin\.com\/in\/hidden,/,
  );
  expect(await contactsOf(app)).toEqual([
    {
      name: 'Ada Lovelace',
      email: 'ada@example.com',
      company: 'Analytical Engines, Ltd.',
      title: 'Programmer',
      linkedinUrl: 'https://www.linkedin.com/in/ada-lovelace',
      tags: [],
      customFields: { 'Connected On': '01 Jan 2024' },
      version: 1,
    },
    expect.objectContaining({ name: 'Grace Hopper, PhD', title: 'Rear Admiral "Amazing"' }),
    expect.objectContaining({ name: 'José Ibáñez 🚀', company: 'Niño SA' }),
  ]);
  expect(await contactsOf(app, app.other), 'of another organization').toEqual([]);
});

test("Google's older export keeps the name as Google has it, and what has no field as custom fields", async () => {
  await using app = await testApp();
  expect(counts(await importFixture(app, 'google-contacts-old.csv'))).toEqual([2, 0, 0, 0]);
  expect(await contactsOf(app)).toEqual([
    expect.objectContaining({ name: 'Acme GmbH', company: 'Acme GmbH', email: 'info@acme.example' }),
    {
      name: 'Ada King Lovelace',
      email: 'ada@example.com',
      phone: '+44 20 7946 0000',
      company: 'Analytical Engines',
      title: 'Programmer',
      location: 'London',
      notes: 'Met at the soirée.\nLikes engines.',
      tags: ['Friends', 'starred'],
      customFields: {
        'Name Prefix': 'Lady',
        Birthday: '1815-12-10',
        'E-mail 1 - Type': '* Work',
        'E-mail 2 - Type': 'Home',
        'E-mail 2 - Value': 'countess@example.com',
        'Phone 1 - Type': 'Mobile',
        'Phone 1 - Value': '+44 20 7946 0000 ::: +44 20 7946 0001',
        'Organization 1 - Department': 'Research',
      },
      version: 1,
    },
  ]);
});

test("Google's newer export puts the name together, and the place", async () => {
  await using app = await testApp();
  expect(counts(await importFixture(app, 'google-contacts.csv'))).toEqual([2, 0, 0, 0]);
  const [phoneOnly, grace] = await contactsOf(app);
  expect(phoneOnly).toMatchObject({ name: '+1 555 0100', phone: '+1 555 0100' });
  expect(grace).toMatchObject({
    name: 'Grace Brewster Hopper',
    email: 'grace@navy.example',
    phone: '+1 555 0199',
    company: 'US Navy',
    title: 'Rear Admiral',
    location: 'Arlington, VA, USA',
    tags: ['Navy'],
    customFields: { Nickname: 'Amazing Grace', 'E-mail 2 - Value': 'grace@example.com' },
  });
});

test("HubSpot's export keeps its ids, and both of two columns of one header", async () => {
  await using app = await testApp();
  const imported = await importFixture(app, 'hubspot-contacts.csv');
  expect(counts(imported)).toEqual([2, 0, 0, 1]);
  expect(imported.failures?.split('\n')[1]).toMatch(/^4,email: Not an email address,103,Bad,Address,not-an-address,/);
  expect(await contactsOf(app)).toEqual([
    {
      name: 'Ada Lovelace',
      email: 'ada@example.com',
      phone: '+44 20 7946 0000',
      company: 'Analytical Engines',
      title: 'Programmer',
      location: 'London, UK',
      linkedinUrl: 'https://linkedin.com/in/ada-lovelace',
      tags: [],
      customFields: {
        'Record ID - Contact': '101',
        'Contact owner': 'Joan Clarke',
        'Lead Status': 'Open',
        'Create Date': '2024-01-02 10:00',
        'Record ID - Company': '900',
        'Create Date (2)': '2023-12-01',
      },
      version: 1,
    },
    expect.objectContaining({ name: 'Alan', company: 'Bletchley Park' }),
  ]);
});

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
    'D,d@example.com,,', // 6: empty ones are none too many
    '', // 7
    'E "the" F,e@example.com,', // 8: a quote within a cell
    '"G" H,g@example.com,', // 9: text after a quoted cell
    '"I,i@example.com,', // 10: never closed
    '"J",j@example.com,"x ""y"""', // 11
    ' , , ', // 12: nothing in it
    'K,not an address,', // 13
    `${'L'.repeat(501)},l@example.com,`, // 14
    'M,m@example.com,\u0000', // 15
    '"N,n@example.com,', // 16: never closed, up to the end
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
  await expect(openCsvFile(path, undefined)).rejects.toThrow(expected);
});

test('progress is shown on a terminal alone', () => {
  const written = (isTTY: boolean) => {
    let output = '';
    const stream = { isTTY, write: (text: string) => (output += text) };
    const progress = createProgressLine(stream as unknown as NodeJS.WriteStream);
    progress.show(() => '100 rows');
    progress.show(() => 'too soon');
    progress.clear();
    return output;
  };
  expect(written(false)).toBe('');
  expect(written(true)).toBe('\r\u001b[K100 rows\r\u001b[K');
});

/** Of each ten rows one is a contact's, the others have a cell too many; the file is as large as the child's heap. */
async function writeLargeFile(path: string, rows: number) {
  const stream = createWriteStream(path);
  stream.write('First Name,Last Name,Email Address,Company,Notes\n');
  for (let row = 0; row < rows; row++) {
    const more = row % 10 === 0 ? '' : ',too many';
    const line = `Person,${row},p${row}@example.com,Company ${row % 977},"${'Met at the fair. '.repeat(24)}"${more}\n`;
    if (!stream.write(line)) await new Promise((drained) => stream.once('drain', drained));
  }
  stream.end();
  await finished(stream);
}

// The young generation is bounded apart; a small one would make the old one's collections most of the work.
const nodeOptions = ['--max-old-space-size=64', '--max-semi-space-size=16'];
test('the command streams 100,000 rows, and writes over no file that is there', async () => {
  await using cli = await commandLine();
  await cli.json('setup', '--organization', 'Acme', '--email', 'ada@example.com');
  const path = join(cli.directory, 'Connections.csv');
  const earlier = join(cli.directory, 'Connections.failed.csv');
  const failuresFile = join(cli.directory, 'Connections.failed-2.csv');
  await writeFile(earlier, 'rows that are being mended\n');
  await writeLargeFile(path, 100_000);
  const large = await cli.run(['contacts', 'import', path, '--json'], { nodeOptions });
  expect(large).toMatchObject({ status: 0, stderr: '' });
  expect(JSON.parse(large.stdout)).toEqual({ created: 10_000, updated: 0, unchanged: 0, failed: 90_000, failuresFile });
  const failures = (await readFile(failuresFile, 'utf8')).split('\n');
  expect(failures.length).toBe(90_002);
  expect(failures.at(-2)).toMatch(
    /^100001,"The row has 6 cells, and the header has 5",Person,99999,p99999@example\.com,/,
  );

  await writeFile(path, 'name,email\nAda,p0@example.com\nBob,\n');
  const { status, stdout, stderr } = await cli.run(['contacts', 'import', path]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toBe('Created:   1\nUpdated:   1\nUnchanged: 0\nFailed:    0\n');
  expect((await readdir(cli.directory)).filter((name) => name.includes('.failed'))).toEqual([
    'Connections.failed-2.csv',
    'Connections.failed.csv',
  ]);
  expect(await readFile(earlier, 'utf8')).toBe('rows that are being mended\n');

  const missing = await cli.run(['contacts', 'import', join(cli.directory, 'missing.csv'), '--json']);
  expect(missing).toMatchObject({ status: 1, stdout: '' });
  expect(missing.stderr).toMatch(/^error: There is no file .*missing\.csv\. /);
}, 180_000);
