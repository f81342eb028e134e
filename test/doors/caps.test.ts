import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { insertOrganization } from '../../db/organizations.ts';
import { addMember, addPerson, openBrowser, PASSWORD, signedIn } from '../helpers/browser.ts';
import { mailbox } from '../helpers/mailbox.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

const newAddress = () => `new-${randomUUID()}@example.com`;
const slug = () => ({ name: `Own ${randomUUID()}`, slug: randomUUID() });

test('An address gets 20 invitations an hour, of all organizations together; the last of them goes on working', async () => {
  const mail = mailbox();
  await using app = await testApp({ choices: { mail } });
  const one = await signedIn(app, await addMember(app, app.one.id, 'admin'));
  const other = await signedIn(app, await addMember(app, app.other.id, 'admin'));
  const email = newAddress();
  for (let count = 0; count < 10; count++) {
    for (const admin of [one, other]) await admin.trpc.members.invite.mutate({ email });
  }
  for (const admin of [one, other]) {
    const refused = await admin.call('POST', '/trpc/members.invite', { json: { email } });
    expect(refused.status).toBe(429);
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(3_000);
    expect(seconds).toBeLessThanOrEqual(3_600);
    expect(refused.text).toContain('20 of an address');
    expect(refused.text).toContain(`"retryAfterSeconds":${seconds}`);
    expect((await admin.trpc.members.list.query()).invitations.map((invitation) => invitation.email)).toContain(email);
    await admin.trpc.members.invite.mutate({ email: newAddress() });
  }
  expect(mail.mails.filter(({ to }) => to === email)).toHaveLength(20);
  // An invitation that is refused for another reason counts for nothing.
  const member = await addMember(app, app.one.id);
  for (let count = 0; count < 25; count++) {
    const refused = await one.call('POST', '/trpc/members.invite', { json: { email: member.email } });
    expect(refused.status).toBe(409);
  }
  await other.trpc.members.invite.mutate({ email: member.email });
});

test('An organization sends 200 invitations an hour, and is told how long to wait', async () => {
  await using app = await testApp();
  const admin = await addMember(app, app.one.id, 'admin');
  const browser = await signedIn(app, admin);
  const insert = (count: number, minutes: number) =>
    runAsAdmin(
      app,
      `insert into invitations (organization_id, id, email, role, inviter_id, created_at, expires_at)
        select '${app.one.id}', gen_random_uuid(), 'n' || n || '-${minutes}@example.com', 'member', '${admin.userId}',
            now() - interval '${minutes} minutes', now() + interval '1 day' from generate_series(1, ${count}) n`,
    );
  await insert(300, 61);
  await insert(197, 40);
  const invite = async () =>
    (await browser.call('POST', '/trpc/members.invite', { json: { email: newAddress() } })).status;
  // Invitations at once are counted too.
  const statuses = await Promise.all(Array.from({ length: 20 }, invite));
  expect(statuses.sort()).toEqual([...Array(3).fill(200), ...Array(17).fill(429)]);
  const refused = await browser.call('POST', '/trpc/members.invite', { json: { email: newAddress() } });
  expect(refused.status).toBe(429);
  const seconds = Number(refused.headers.get('retry-after'));
  expect(seconds).toBeGreaterThan(1_000);
  expect(seconds).toBeLessThanOrEqual(1_200);
});

test('Over 20 mails of a kind an hour, a reset and a sign-up answer as always and send nothing', async () => {
  const mail = mailbox();
  await using app = await testApp({ choices: { mail, openSignUp: true, signInRate: 10_000 } });
  const browser = openBrowser(app);
  const known = await addPerson(app);
  const mailsTo = async (email: string) => {
    await app.deps.background.idle();
    return mail.mails.filter(({ to }) => to === email).length;
  };
  const unknown = newAddress();
  for (const email of [known.email, unknown]) {
    const signUp = () => browser.account('/sign-up/email', { name: 'New', email, password: PASSWORD });
    const before = await mailsTo(email);
    const answers = [await signUp()];
    // Sign-ups at once would make the account twice: all but one fail.
    await app.deps.background.idle();
    for (let count = 0; count < 22; count++) answers.push(await signUp());
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect((await mailsTo(email)) - before).toBe(20);
  }
  // The mails of one kind leave the others alone.
  const resets = [];
  for (const email of [known.email, newAddress()]) {
    for (let count = 0; count < 23; count++) resets.push(await browser.account('/request-password-reset', { email }));
  }
  expect(new Set(resets.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
  expect(await mailsTo(known.email)).toBe(40);
  expect(app.logs.join('')).toContain('got too many within the hour');
});

test('A person makes ten organizations, also at once, and joins others as before', async () => {
  await using app = await testApp({ choices: { openSignUp: true } });
  const person = await addMember(app, app.one.id, 'owner');
  const browser = await signedIn(app, person);
  const create = () => browser.account('/organization/create', slug());
  for (let count = 0; count < 7; count++) expect((await create()).status).toBe(200);
  const answers = await Promise.all([create(), create(), create(), create(), create()]);
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 403, 403]);
  expect(answers.find(({ status }) => status === 403)?.text).toContain('10 organizations, which is the most');
  const other = await signedIn(app, await addPerson(app));
  expect((await other.account('/organization/create', slug())).status).toBe(200);
});

test('Of two instances that make an organization of the same name at once, the second is told that the name is taken', async () => {
  await using app = await testApp({ choices: { openSignUp: true } });
  const browser = await signedIn(app, await addPerson(app));
  const own = slug();
  const answer = await app.db.root.transaction().execute(async (trx) => {
    await insertOrganization(trx, own.name);
    const asked = browser.account('/organization/create', own);
    const isWaiting = `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
    await expect.poll(async () => await runAsAdmin(app, isWaiting)).toHaveLength(1);
    return { asked };
  });
  const { status, body } = await answer.asked;
  expect([status, body.message]).toEqual([409, 'There is an organization of this name already']);
});
