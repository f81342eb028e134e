import { expect, test } from 'vitest';
import type { ContactInput } from '../../shared/contacts.ts';
import { testApp } from '../helpers/testApp.ts';

/** More contacts than the first window of db/contactList.ts holds, so that only the index finds the older contacts. */
const YOUNGER = 310;

const CONTACTS: ContactInput[] = [
  { name: '(AI) Corp guy', email: 'guy@corp.example' },
  { name: 'Jean-Lu' },
  { name: 'Ada\tLi', email: 'ada@example.com' },
  { name: 'Zed', email: 'zed@hp.com' },
  { name: 'Wei【王】', company: 'Owl–Qi “Xu”' },
  { name: 'Half 50%_off', company: '%q _w' },
];

/** By a word of each name: the names that a search must find. */
const SEARCHES: [search: string, found: string[]][] = [
  ['ai', ['(AI) Corp guy']],
  ['AI', ['(AI) Corp guy']],
  ['(ai', ['(AI) Corp guy']],
  ['(ai)', ['(AI) Corp guy']],
  ['ai)', ['(AI) Corp guy']],
  ['lu', ['Jean-Lu']],
  ['li', ['Ada\tLi']],
  ['hp', ['Zed']],
  ['王', ['Wei【王】']],
  ['qi', ['Wei【王】']],
  ['xu', ['Wei【王】']],
  ['je', ['Jean-Lu']],
  ['jean-lu', ['Jean-Lu']],
  ['jean-', ['Jean-Lu']],
  ['an-l', ['Jean-Lu']],
  ['-lu', ['Jean-Lu']],
  ['ada@ex', ['Ada\tLi']],
  ['e.c', ['Ada\tLi']],
  ['@hp.', ['Zed']],
  ['zed@hp.com', ['Zed']],
  ['owl–qi', ['Wei【王】']],
  ['ada li', ['Ada\tLi']],
  // A word of two letters matches only at the beginning of a word.
  ['da', []],
  ['ean', ['Jean-Lu']],
  ['ea', []],
  ['uy', []],
  ['jean lu', ['Jean-Lu']],
  ['jeanlu', []],
  // A wildcard of LIKE in a search matches only itself.
  ['50%_off', ['Half 50%_off']],
  ['0%_', ['Half 50%_off']],
  ['%_o', ['Half 50%_off']],
  ['%q', ['Half 50%_off']],
  ['_w', ['Half 50%_off']],
  ['a%l', []],
  ['a_a', []],
  ['j_', []],
  ['z%', []],
  ['___', []],
];

test('A word begins behind whatever is no part of one, and is found there by its first letter or two', async () => {
  await using app = await testApp();
  const { contacts } = app.trpc(app.one.key);
  for (const contact of CONTACTS) await contacts.create.mutate(contact);
  const expectFound = async () => {
    for (const [search, names] of SEARCHES) {
      const { items } = await contacts.list.query({ search });
      expect(items.map(({ name }) => name).sort(), JSON.stringify(search)).toEqual(names);
    }
  };
  await expectFound();
  for (let from = 0; from < YOUNGER; from += 62) {
    const rows = Array.from({ length: 62 }, (_, i) => ({ name: `Nobody ${from + i}` }));
    await contacts.upsertMany.mutate({ contacts: rows });
  }
  await expectFound();
});
