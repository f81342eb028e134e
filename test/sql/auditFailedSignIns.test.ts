import { expect, test } from 'vitest';
import { asAccounts } from '../../db/admission.ts';
import { logFailedSignIns, recordFailedSignIn } from '../../db/failedSignIns.ts';
import { seal } from '../helpers/auditChain.ts';
import { addMember, openBrowser } from '../helpers/browser.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const place = (number: number) => ({ address: `203.0.${number}.0/24`, userAgent: 'curl' });

const entriesOf = async (app: TestApp, userId: string) =>
  await runAsAdmin(
    app,
    `select organization_id, actor, subject, details from audit_log
      where action = 'person.signInFailed' and subject->>'id' = '${userId}' order by id`,
  );

const endHour = (app: TestApp) => runAsAdmin(app, `update failed_sign_ins set hour = hour - interval '1 hour'`);

test('Any number of failed sign-ins adds a few entries to the log, each with its count, when the hour ends', async () => {
  await using app = await testApp({ isAlone: true });
  const { email, userId } = await addMember(app, app.one.id);
  const accounts = asAccounts(app.deps.db);
  for (let number = 0; number < 30; number++) await recordFailedSignIn(accounts, { email, ...place(number) });
  await Promise.all(
    Array.from({ length: 20 }, () => recordFailedSignIn(accounts, { email: email.toUpperCase(), ...place(3) })),
  );
  await seal(app);
  expect(await entriesOf(app, userId)).toEqual([]);
  await endHour(app);
  // A sign-in of the next hour is counted by itself.
  await openBrowser(app).signIn(email, 'not the password');
  await seal(app);
  const entries = await entriesOf(app, userId);
  expect(entries.map(({ details }) => details)).toHaveLength(11);
  const person = { type: 'person', id: userId, name: email };
  for (const entry of entries)
    expect(entry).toMatchObject({ organization_id: app.one.id, actor: person, subject: person });
  const counts = new Map(entries.map(({ details }) => [(details as { address: string }).address, details]));
  expect(counts.get('203.0.3.0/24')).toMatchObject({ userAgent: 'curl', count: 21 });
  expect(counts.get('203.0.4.0/24')).toMatchObject({ userAgent: 'curl', count: 1 });
  expect(counts.get('other')).toMatchObject({ userAgent: 'other', count: 20 });
  const [left] = await runAsAdmin(app, 'select count(*)::int as count from failed_sign_ins');
  expect(left).toEqual({ count: 1 });
});

test('A count is logged once, whatever instances log at the same time, and wherever an instance ends', async () => {
  await using app = await testApp({ isAlone: true });
  const { email, userId } = await addMember(app, app.one.id);
  await runAsAdmin(
    app,
    `insert into members (organization_id, id, user_id, role)
      values ('${app.other.id}', gen_random_uuid(), '${userId}', 'member')`,
  );
  const accounts = asAccounts(app.deps.db);
  for (let number = 0; number < 5; number++) await recordFailedSignIn(accounts, { email, ...place(number) });
  await endHour(app);
  await runAsAdmin(app, 'alter table audit_log add constraint full_up check (false) not valid');
  await expect(logFailedSignIns(accounts)).rejects.toThrow();
  await runAsAdmin(app, 'alter table audit_log drop constraint full_up');
  const logged = await Promise.all(Array.from({ length: 6 }, () => logFailedSignIns(accounts)));
  expect(logged.reduce((sum, count) => sum + count)).toBe(10);
  const entries = await entriesOf(app, userId);
  for (const { id } of [app.one, app.other]) {
    expect(entries.filter(({ organization_id }) => organization_id === id)).toHaveLength(5);
  }
  expect(await logFailedSignIns(accounts)).toBe(0);
});

test('A person who leaves, or whose account is deleted, leaves no count behind that stops the others', async () => {
  await using app = await testApp({ isAlone: true });
  const [gone, stays] = [await addMember(app, app.one.id), await addMember(app, app.one.id)];
  const accounts = asAccounts(app.deps.db);
  for (const { email } of [gone, stays]) await recordFailedSignIn(accounts, { email, ...place(1) });
  await recordFailedSignIn(accounts, { email: 'nobody@example.com', ...place(1) });
  await endHour(app);
  await runAsAdmin(app, `delete from members where user_id = '${gone.userId}'`);
  await runAsAdmin(app, `delete from users where id = '${gone.userId}'`);
  expect(await logFailedSignIns(accounts)).toBe(1);
  expect(await entriesOf(app, stays.userId)).toHaveLength(1);
});
