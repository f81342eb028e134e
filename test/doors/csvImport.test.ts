import { expect, test } from 'vitest';
import { contactsOf, counts, importFixture, makeDirectory } from '../helpers/csv.ts';
import { testApp } from '../helpers/testApp.ts';

makeDirectory();

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
