import { expect, test } from 'vitest';
import { type ContactInput, IntrozyError, type UpsertResult } from '../../client/index.ts';
import { clientOf } from '../helpers/client.ts';
import { testApp } from '../helpers/testApp.ts';

const rowsOf = (count: number, name = 'Row') =>
  Array.from(
    { length: count },
    (_, index): ContactInput => ({ name: `${name} ${index}`, email: `${name}${index}@x.example` }),
  );

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

test('Every contact that a filter meets comes once, page by page, and no page before it is needed', async () => {
  await using app = await testApp({ isAlone: true });
  const { client, requests } = clientOf(app);
  await collect(client.contacts.upsertAll(rowsOf(450)));
  await client.contacts.create.mutate({ name: 'Another', tags: ['other'] });
  requests.length = 0;
  const names: string[] = [];
  for await (const { name } of client.contacts.all({ search: 'row' })) {
    names.push(name);
    expect(requests).toHaveLength(Math.ceil(names.length / 200));
  }
  expect(names).toEqual(
    rowsOf(450)
      .map(({ name }) => name)
      .reverse(),
  );
  expect(await collect(client.contacts.all({ tag: 'other' }))).toMatchObject([{ name: 'Another' }]);
  expect(await collect(client.contacts.all({ tag: 'none' }))).toEqual([]);
  expect(await collect(client.contacts.all())).toHaveLength(451);

  requests.length = 0;
  for await (const _ of client.contacts.all({ limit: 10 })) break;
  expect(requests).toHaveLength(1);
  await expect(collect(client.contacts.all({}, { signal: AbortSignal.abort() }))).rejects.toThrow('aborted');
});

test('Rows are upserted 100 in a request, from whatever gives them, with their place among all', async () => {
  await using app = await testApp({ isAlone: true });
  const { client, requests } = clientOf(app);
  async function* rows() {
    yield* rowsOf(150);
    yield { name: '' };
    yield* rowsOf(99, 'More');
  }
  const outcomes = await collect(client.contacts.upsertAll(rows()));
  expect(requests).toHaveLength(3);
  expect(outcomes.map(({ index }) => index)).toEqual(Array.from({ length: 250 }, (_, index) => index));
  expect(outcomes[150]).toMatchObject({ index: 150, outcome: 'failed', issues: [{ path: ['name'] }] });
  expect(outcomes.filter(({ outcome }) => outcome === 'created')).toHaveLength(249);
  expect(await collect(client.contacts.upsertAll([]))).toEqual([]);

  // Batches also stay below the service's limit of 1 MiB for a request.
  const large = rowsOf(30).map((row) => ({ ...row, notes: '\u{65e5}'.repeat(40_000) }));
  expect(await collect(client.contacts.upsertAll(large))).toHaveLength(30);
  const [first] = await collect(
    client.contacts.upsertAll([{ ...rowsOf(1)[0], notes: null } as ContactInput], { merge: true }),
  );
  expect(first).toMatchObject({ outcome: 'unchanged' });
});

test('Over the rate of the key the rows wait; what fails leaves the outcomes before it', async () => {
  await using app = await testApp({ rateLimit: 2 });
  // Seconds. The service counts calls in a minute; a second keeps the test short.
  app.deps.rateLimiter.duration = 1;
  const { client, requests } = clientOf(app);
  expect(await collect(client.contacts.upsertAll(rowsOf(300)))).toHaveLength(300);
  expect(requests.length).toBeGreaterThan(3);

  const revoked = await app.issue(app.one.id);
  const other = clientOf(app, revoked.key).client;
  const before: UpsertResult[] = [];
  const failing = (async () => {
    for await (const outcome of other.contacts.upsertAll(rowsOf(200))) {
      before.push(outcome);
      if (before.length === 100) await app.trpc(revoked.key).keys.revoke.mutate({ id: revoked.apiKey.id });
    }
  })();
  const error = await failing.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(IntrozyError);
  expect(error).toMatchObject({ code: 'UNAUTHORIZED', status: 401, reason: 'API key has been revoked' });
  expect(before).toHaveLength(100);
});
