import { encodePlace } from '../../../shared/contactSort.ts';
import { encodeCursor } from '../../../shared/paging.ts';
import { runAs } from '../../helpers/database.ts';
import { cost, type Figure } from '../figures.ts';
import { type Bench, type Group, measureCalls } from '../group.ts';
import { wordOf } from '../notes.ts';
import type { Candidates } from '../rounds.ts';
import { authorize } from '../testbed.ts';

/** Asks the first instance for a page of contacts. */
async function asking({ options: { seconds }, testbed }: Bench, connections?: number) {
  const { instances, postmaster, large } = await testbed();
  const [{ url, pid }] = instances;
  const limits = { seconds, ...(connections !== undefined && { connections }) };
  return (query: string, key = large.key) =>
    () =>
      measureCalls({ url: `${url}/api/contacts${query}`, ...limits, headers: authorize(key) }, pid, postmaster);
}

export const deep: Group = {
  name: 'deep',
  title: 'Pages and searches',
  async open(bench) {
    const { adminUrl, large } = await bench.testbed();
    const depth = Math.floor(bench.options.contacts / 2);
    const [found] = await runAs(adminUrl, [
      `select id from contacts where organization_id = '${large.organizationId}' order by id desc offset ${depth} limit 1`,
    ]);
    const [row] = (found?.rows ?? []) as { id: string }[];
    const ask = await asking(bench);
    const candidates = {
      'page 1': ask(''),
      'page at half depth': ask(`?cursor=${encodeCursor(row?.id ?? '')}`),
      'search, frequent word': ask('?search=northwind'),
      'search, rare word': ask('?search=zebulon'),
    };
    const figures = [
      cost('page at half depth: to page 1', ['page at half depth', 'page 1'], 1.1),
      cost('search, frequent word: to page 1', ['search, frequent word', 'page 1'], 3),
      cost('search, rare word: to page 1', ['search, rare word', 'page 1'], 3),
    ];
    return { candidates, figures };
  },
};

const SORTS = {
  createdAt: 'id',
  '-updatedAt': 'updated_at',
  updatedAt: 'updated_at',
  name: 'name_fold',
} as const;
const CONDITIONS = { alone: '', 'with a tag': '&tag=customer', 'with a company': '&company=northwind' };

/** The first page of each sort to the page at half depth, and to the first page past many deleted contacts. */
export const sorts: Group = {
  name: 'sorts',
  title: 'Pages in each sort',
  async open(bench) {
    const { adminUrl, large, deleted: tenant } = await bench.testbed();
    const [found] = await runAs(adminUrl, [
      `select id, extract(epoch from updated_at)::bigint * 1000 as updated_at, name_fold from contacts
        where organization_id = '${large.organizationId}' order by name_fold offset ${bench.options.contacts / 2} limit 1`,
    ]);
    const [row] = (found?.rows ?? []) as { id: string; updated_at: string; name_fold: string }[];
    if (!row) throw new Error('The organization has no contacts');
    const ask = await asking(bench);
    const candidates: Candidates = {};
    const figures: Figure[] = [];
    for (const [sort, column] of Object.entries(SORTS) as [keyof typeof SORTS, keyof typeof row][]) {
      const key = column === 'id' ? null : column === 'updated_at' ? Number(row.updated_at) : row.name_fold;
      const cursor = encodePlace({ sort, key, id: row.id });
      for (const [name, condition] of Object.entries(CONDITIONS)) {
        const [first, deep] = [`${sort} ${name}, page 1`, `${sort} ${name}, half depth`];
        candidates[first] = ask(`?sort=${sort}${condition}`);
        candidates[deep] = ask(`?sort=${sort}${condition}&cursor=${cursor}`);
        figures.push(cost(`${sort} ${name}: half depth to page 1`, [deep, first], 1.3));
      }
      const past = `${sort}, 60 % deleted`;
      candidates[past] = ask(`?sort=${sort}`, tenant?.key);
      figures.push(cost(`${past}: to page 1`, [past, `${sort} alone, page 1`], 1.3));
    }
    return { candidates, figures };
  },
};

/** Words of the notes by their rank: the first word is in almost every note, the last words are in few. */
const SEARCHES: Record<string, [search: string, target: number]> = {
  'frequent word': [wordOf(2), 2],
  'frequent company': ['northwind', 2],
  'rare word': [wordOf(19_999), 3],
  'rare name': ['zebulon', 3],
  'two letters': ['ze', 4],
  CJK: ['李明', 4],
  'two words': [`${wordOf(20)} ${wordOf(700)}`, 4],
};

export const search: Group = {
  name: 'search',
  title: 'Searches, where half of the contacts have 400 characters of notes',
  async open(bench) {
    const { noted } = await bench.testbed();
    const ask = await asking(bench);
    const candidates: Candidates = { 'page 1 with notes': ask('', noted?.key) };
    const figures: Figure[] = [];
    for (const [name, [words, target]] of Object.entries(SEARCHES)) {
      candidates[name] = ask(`?search=${encodeURIComponent(words)}`, noted?.key);
      figures.push(cost(`${name}: to page 1 with notes`, [name, 'page 1 with notes'], target));
    }
    return { candidates, figures };
  },
};

export const deleted: Group = {
  name: 'deleted',
  title: 'Page 1, with the newest 60 % of the contacts deleted',
  async open(bench) {
    const { deleted: tenant } = await bench.testbed();
    // A page that reads 600,000 deleted contacts takes 260 ms. With 32 at once the service's limit of time would end them.
    const ask = await asking(bench, 4);
    const candidates = { 'page 1': ask(''), 'page 1, 60 % deleted': ask('', tenant?.key) };
    return {
      candidates,
      figures: [cost('page 1, 60 % deleted: to page 1', ['page 1, 60 % deleted', 'page 1'], 1.3)],
    };
  },
};
