import { expect, test } from 'vitest';
import { atOnce, tally } from '../helpers/atOnce.ts';
import { startPeer } from '../helpers/instance.ts';
import { testApp } from '../helpers/testApp.ts';

test('200 upserts of one email at once make one row, and each says what it did', async () => {
  await using app = await testApp();
  await using peer = await startPeer(app);
  const answers = await atOnce(200, (index) => {
    const contacts = [{ name: `Ada ${index}`, email: index % 3 === 0 ? ' ADA@example.com ' : 'ada@example.com' }];
    const body = { contacts };
    return index % 2 === 0
      ? app.api(app.one.key, 'POST', '/api/contacts/batch', body)
      : peer.call(app.one.key, 'POST', '/api/contacts/batch', body);
  });
  expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 200 });
  const results = answers.map(({ body }) => body.data.results[0]);
  expect(tally(results.map(({ outcome }) => outcome))).toEqual({ created: 1, updated: 199 });
  expect(new Set(results.map(({ id }) => id)).size).toBe(1);
  // No write was lost: each write made a version of its own.
  expect(results.map(({ version }) => version).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 200 }, (_, n) => n + 1),
  );

  const { data } = (await app.api(app.one.key, 'GET', '/api/contacts')).body;
  expect(data).toHaveLength(1);
  expect(data[0]).toMatchObject({ id: results[0].id, version: 200 });
});

test('200 upserts of the same rows at once, in opposite orders, make each row once', async () => {
  await using app = await testApp();
  await using peer = await startPeer(app);
  const contacts = Array.from({ length: 20 }, (_, n) => ({ name: `Person ${n}`, email: `person${n}@example.com` }));
  const answers = await atOnce(200, (index) => {
    const body = { contacts: index % 2 === 0 ? contacts : contacts.toReversed() };
    return (index % 4 < 2 ? peer.call : app.api)(app.one.key, 'POST', '/api/contacts/batch', body);
  });
  expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 200 });
  const outcomes = answers.flatMap(({ body }) => body.data.results.map(({ outcome }: { outcome: string }) => outcome));
  expect(tally(outcomes)).toEqual({ created: 20, unchanged: 20 * 199 });
  expect((await app.api(app.one.key, 'GET', '/api/contacts?limit=200')).body.data).toHaveLength(20);
});

/**
 * Checks that every write of a row made a version of its own, and that the last write of each field is in the contact.
 */
function expectLastWrites(found: Found[], writes: Write[]) {
  for (const { email, version, title, company } of found) {
    const own = writes.filter((write) => write.email === email).sort((a, b) => a.version - b.version);
    expect(own.map((write) => write.version)).toEqual(own.map((_, n) => n + 1));
    const last = (field: 'title' | 'company') => own.findLast((write) => write[field] !== undefined)?.[field] ?? null;
    expect({ version, title, company }, email).toEqual({
      version: own.length,
      title: last('title'),
      company: last('company'),
    });
  }
}

type Found = { email: string; version: number; title: string | null; company: string | null };
type Row = { name: string; email: string; title?: string; company?: string };
type Write = Row & { version: number };

test('Upserts of the same rows at once, of various fields and in various orders, all take effect', async () => {
  await using app = await testApp();
  await using peer = await startPeer(app);
  const emails = Array.from({ length: 20 }, (_, n) => `person${n}@example.com`);
  const writes: Write[] = [];
  for (let round = 0; round < 8; round++) {
    const rowsOf = (call: number): Row[] => {
      const rows = emails.map((email, n) => {
        const field = (n * (call + 1) + round) % 3 === 0 || (n + call) % 2 === 0 ? 'title' : 'company';
        return { name: 'Ada', email, [field]: `${round} by ${call}` };
      });
      const turned = [...rows.slice(7 * call), ...rows.slice(0, 7 * call)];
      return call % 2 === 0 ? turned : turned.reverse();
    };
    const calls = Array.from({ length: 6 }, (_, call) => rowsOf(call));
    // A call that met a deadlock would answer 503. Each call must succeed at the first attempt.
    const answers = await Promise.all(
      calls.map((contacts, call) =>
        (call % 2 === 0 ? peer.call : app.api)(app.one.key, 'POST', '/api/contacts/batch', { contacts }),
      ),
    );
    expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 6 });
    answers.forEach(({ body }, call) => {
      for (const { index, version } of body.data.results) writes.push({ ...(calls[call]?.[index] as Row), version });
    });
  }
  const found = (await app.api(app.one.key, 'GET', '/api/contacts')).body.data;
  expect(found).toHaveLength(emails.length);
  expectLastWrites(found, writes);
});

test('Of 200 creations of one email at once one succeeds, and the rest are told the id of its contact', async () => {
  await using app = await testApp();
  await using peer = await startPeer(app);
  const answers = await atOnce(200, (index) => {
    const body = { name: `Ada ${index}`, email: 'ada@example.com' };
    return (index % 2 === 0 ? peer.call : app.api)(app.one.key, 'POST', '/api/contacts', body);
  });
  expect(tally(answers.map(({ status }) => status))).toEqual({ 201: 1, 409: 199 });
  const made = answers.find(({ status }) => status === 201);
  const taken = answers.filter(({ status }) => status === 409);
  expect(tally(taken.map(({ body }) => body.details.existingId))).toEqual({ [made?.body.data.id]: 199 });
  expect((await app.api(app.one.key, 'GET', '/api/contacts')).body.data).toHaveLength(1);
});

test('Of concurrent updates with one expected version exactly one wins, and the rest learn the version after it', async () => {
  await using app = await testApp();
  await using peer = await startPeer(app);
  const { id } = (await app.api(app.one.key, 'POST', '/api/contacts', { name: 'Ada' })).body.data;
  for (let version = 1; version <= 5; version++) {
    const answers = await atOnce(20, (index) => {
      const body = { title: `${version} by ${index}`, expectedVersion: version };
      return (index % 2 === 0 ? peer.call : app.api)(app.one.key, 'PATCH', `/api/contacts/${id}`, body);
    });
    expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 1, 412: 19 });
    const winner = answers.find(({ status }) => status === 200);
    const losers = answers.filter(({ status }) => status === 412);
    expect(tally(losers.map(({ body }) => body.details.currentVersion))).toEqual({ [version + 1]: 19 });
    const contact = (await app.api(app.one.key, 'GET', `/api/contacts/${id}`)).body.data;
    expect(contact).toEqual(winner?.body.data);
  }
});

test('Of restorations of two contacts with one email at once exactly one wins', async () => {
  await using app = await testApp();
  await using peer = await startPeer(app);
  for (let round = 0; round < 5; round++) {
    const ids: string[] = [];
    for (let n = 0; n < 2; n++) {
      const made = await app.api(app.one.key, 'POST', '/api/contacts', {
        name: 'Ada',
        email: `ada${round}@example.com`,
      });
      ids.push(made.body.data.id);
      await app.api(app.one.key, 'DELETE', `/api/contacts/${made.body.data.id}`);
    }
    const answers = await atOnce(2, (index) =>
      (index === 0 ? peer.call : app.api)(app.one.key, 'POST', `/api/contacts/${ids[index]}/restore`),
    );
    expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 1, 409: 1 });
    const winner = answers.find(({ status }) => status === 200);
    expect(answers.find(({ status }) => status === 409)?.body.details.existingId).toBe(winner?.body.data.id);
  }
});
