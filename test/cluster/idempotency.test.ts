import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { runAs } from '../helpers/database.ts';
import { startCluster } from './cluster.ts';

const CALLS = 100;

test('100 calls at once under one key, over three instances of which one is killed, make one contact', async () => {
  await using cluster = await startCluster({ INTROZY_RATE_LIMIT: '100000' });
  const { key } = await cluster.setup();
  const [first, ...others] = cluster.instances;
  for (const round of [1, 2, 3]) {
    // The last round kills an instance while its calls are under way.
    const isLast = round === 3;
    const name = `Once ${round}`;
    const headers = {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'idempotency-key': `key of round ${round}`,
    };
    const send = async (index: number) => {
      for (let attempt = 0; ; attempt++) {
        const { address } = cluster.instances[(index + attempt) % 3] as typeof first;
        // A killed instance answers nothing; whether its call was done the caller cannot tell.
        const answer = await fetch(`${address}/api/contacts`, {
          method: 'POST',
          headers,
          body: JSON.stringify({ name }),
        }).catch(() => undefined);
        if (answer && answer.status !== 503) {
          const isReplayed = answer.headers.get('idempotency-replayed') === 'true';
          return { isReplayed, answer: [answer.status, answer.headers.get('location'), await answer.text()].join() };
        }
        if (attempt === 50) throw new Error('No answer');
        await answer?.body?.cancel();
        await setTimeout(100);
      }
    };
    const sending = Promise.all(Array.from({ length: CALLS }, (_, index) => send(index)));
    if (isLast) {
      await setTimeout(20);
      process.kill(first.pid, 'SIGKILL');
    }
    const answers = await sending;
    expect(new Set(answers.map(({ answer }) => answer)).size).toBe(1);
    // The answer of the one call that was done may be lost with the instance.
    const done = answers.filter(({ isReplayed }) => !isReplayed).length;
    if (isLast) expect(done).toBeLessThanOrEqual(1);
    else expect(done).toBe(1);
    const rows = await runAs(cluster.primary.adminUrl, [
      `select (select count(*)::int from contacts where name = '${name}') as contacts,
        (select count(*)::int from kept_answers) as answers`,
    ]);
    expect(rows[0]?.rows).toEqual([{ contacts: 1, answers: round }]);
  }
  expect(others).toHaveLength(2);
});

test('After the primary is killed, a call that is sent again with its key is done once', async () => {
  await using cluster = await startCluster();
  const { key } = await cluster.setup();
  const [first] = cluster.instances;
  const create = async (name: string) => {
    for (let attempt = 0; ; attempt++) {
      const response = await fetch(`${first.address}/api/contacts`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          'idempotency-key': `key of ${name}`,
        },
        body: JSON.stringify({ name }),
      });
      const text = await response.text();
      if (response.status !== 503) return `${response.status} ${text}`;
      if (attempt === 100) throw new Error('No answer but 503');
      await setTimeout(200);
    }
  };
  const names = Array.from({ length: 20 }, (_, index) => `Contact ${index}`);
  const kept = await create(names[0] as string);
  const sending = Promise.all(names.map(create));
  await cluster.failOver();
  const answers = await sending;
  expect(answers[0]).toBe(kept);
  expect(await Promise.all(names.map(create))).toEqual(answers);
  const [rows] = await runAs(cluster.standby.adminUrl, [
    "select count(*)::int as all, count(distinct name)::int as names from contacts where name like 'Contact %'",
  ]);
  expect(rows?.rows).toEqual([{ all: names.length, names: names.length }]);
});
