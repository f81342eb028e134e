import { encodeCursor } from '../../../shared/paging.ts';
import { runAs } from '../../helpers/database.ts';
import { cost } from '../figures.ts';
import { type Bench, type Group, measureCalls } from '../group.ts';
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
