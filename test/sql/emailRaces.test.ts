import { expect, inject, test } from 'vitest';
import { tally } from '../helpers/atOnce.ts';
import { PATIENT_LIMITS } from '../helpers/database.ts';
import { startInstance, startPeer } from '../helpers/instance.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

const ROUNDS = inject('database').kind === 'embedded' ? 20 : 200;
const EMAILS = ['a', 'b', 'c', 'd'].map((name) => `${name}@example.com`);
const pick = <T>(some: readonly T[]): T => some[Math.floor(Math.random() * some.length)] as T;
const someEmails = () => EMAILS.filter(() => Math.random() < 0.4);
const fieldsOf = () => ({ email: pick([null, ...EMAILS]), otherEmails: someEmails() });

test('Whatever calls at once take the same few emails, no email is two contacts’, and no call fails but for that', async () => {
  await using app = await testApp();
  await using peer = await startPeer(app);
  const statuses: number[] = [];
  let ids: string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const call = (): [string, string, unknown?] => {
      const id = pick(ids);
      const rows = Array.from({ length: 3 }, () => ({
        name: 'Ada',
        ...fieldsOf(),
        ...(Math.random() < 0.3 && id && { id }),
      }));
      const create = { name: 'Ada', ...fieldsOf() };
      return pick<[string, string, unknown?]>([
        ['POST', '/api/contacts', create],
        ['POST', '/api/contacts/batch', { contacts: rows, merge: Math.random() < 0.5 }],
        ...(id === undefined
          ? []
          : ([
              [
                'PATCH',
                `/api/contacts/${id}`,
                pick<object>([fieldsOf(), { email: pick(EMAILS) }, { otherEmails: someEmails() }]),
              ],
              ['DELETE', `/api/contacts/${id}`],
              ['POST', `/api/contacts/${id}/restore`],
            ] as [string, string, unknown?][])),
      ]);
    };
    const answers = await Promise.all(
      Array.from({ length: 4 }, (_, index) => (index % 2 === 0 ? peer.call : app.api)(app.one.key, ...call())),
    );
    statuses.push(...answers.map(({ status }) => status));
    const rows = await runAsAdmin(
      app,
      `select id, email_key, other_email_keys, deleted_at from contacts where organization_id = '${app.one.id}'`,
    );
    const living = rows.filter(({ deleted_at }) => deleted_at === null);
    const emails = living.flatMap(({ email_key, other_email_keys }) => [email_key ?? [], other_email_keys].flat());
    expect(new Set(emails).size, `round ${round}`).toBe(emails.length);
    const others = living.flatMap(({ other_email_keys, id }) =>
      (other_email_keys as string[]).map((key) => `${key} ${id}`),
    );
    const kept = await runAsAdmin(
      app,
      `select email_key, contact_id from contact_emails where organization_id = '${app.one.id}'`,
    );
    expect(kept.map(({ email_key, contact_id }) => `${email_key} ${contact_id}`).sort()).toEqual(others.sort());
    ids = rows.map(({ id }) => String(id)).slice(-8);
  }
  const {
    200: ok = 0,
    201: created = 0,
    404: absent = 0,
    409: taken = 0,
    503: unavailable = 0,
    ...others
  } = tally(statuses);
  expect(others).toEqual({});
  expect(Math.min(ok, created, taken)).toBeGreaterThan(0);
  expect(absent).toBeGreaterThanOrEqual(0);
  // Two changes of one contact that wait for each other's emails end in a deadlock, which the caller may repeat.
  expect(unavailable).toBeLessThanOrEqual(ROUNDS / 20);
});

test('Calls at once that take many other emails wait for each other, and none waits in the database beyond its time', async () => {
  await using app = await testApp();
  const { url, keySecrets } = app;
  // A lock takes less time here than in the service; all else may take the time of a busy machine.
  const limits = { ...PATIENT_LIMITS, lock: 300 };
  await using instance = await (url ? startInstance({ url, keySecrets, limits }) : startPeer(app));
  const batch = (call: number) => ({
    contacts: Array.from({ length: 100 }, (_, row) => ({
      name: 'Ada',
      email: `${call}-${row}@example.com`,
      otherEmails: [`${call}-${row}@example.org`],
    })),
  });
  const answers = await Promise.all(
    Array.from({ length: 16 }, (_, call) => instance.call(app.one.key, 'POST', '/api/contacts/batch', batch(call))),
  );
  expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 16 });
});
