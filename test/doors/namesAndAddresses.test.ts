import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { addMember, openBrowser, PASSWORD, signedIn } from '../helpers/browser.ts';
import { mailbox } from '../helpers/mailbox.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

const newAddress = () => `new-${randomUUID()}@example.com`;
const BAD_NAMES = ['', ' ', '\u200B', '\u200F', 'a\nb', 'a\u2028b', 'a\u0085b', 'a\u0007b', 'a\u202Eb', 'a\u2066b'];
const BAD_ADDRESSES = [
  'x<y@z.w',
  'x<y@z.example',
  'a@b',
  'a@localhost',
  'a@192.0.2.1',
  'Ada <ada@example.com>',
  'a@x-.com',
];

test('People and organizations have names that a reader sees, at a sign-up, at a change and at a new organization', async () => {
  await using app = await testApp({ choices: { openSignUp: true } });
  const browser = await signedIn(app, await addMember(app, app.one.id));
  const open = openBrowser(app);
  for (const name of BAD_NAMES) {
    for (const [by, path, body] of [
      [open, '/sign-up/email', { email: newAddress(), password: PASSWORD }],
      [browser, '/update-user', {}],
      [browser, '/organization/create', { slug: randomUUID() }],
    ] as const) {
      const { status, body: refused } = await by.account(path, { ...body, name });
      expect([status, refused.details?.issues[0].path], `${path} ${JSON.stringify(name)}`).toEqual([400, ['name']]);
    }
  }
  expect((await browser.account('/update-user', { name: ' Zoë\u200F \n' })).status).toBe(200);
  expect((await browser.trpc.session.current.query()).person.name).toBe('Zoë\u200F');
  const made = await browser.account('/organization/create', { name: ` Own ${randomUUID()}\n`, slug: randomUUID() });
  expect([made.status, made.body.name]).toEqual([200, expect.stringMatching(/^Own \S+$/)]);
});

test('A sign-up and an invitation take the same addresses', async () => {
  const mail = mailbox();
  await using app = await testApp({ choices: { mail, openSignUp: true, signInRate: 1_000 } });
  const admin = await signedIn(app, await addMember(app, app.one.id, 'admin'));
  const open = openBrowser(app);
  for (const email of BAD_ADDRESSES) {
    const signedUp = await open.account('/sign-up/email', { name: 'New', email, password: PASSWORD });
    expect([signedUp.status, signedUp.body.details?.issues[0].path], email).toEqual([400, ['email']]);
    const invited = await admin.call('POST', '/trpc/members.invite', { json: { email } });
    expect(invited.status, email).toBe(400);
  }
  await app.deps.background.idle();
  expect(mail.mails).toEqual([]);
  const email = newAddress();
  const signedUp = await open.account('/sign-up/email', {
    name: 'New',
    email: ` ${email.toUpperCase()} `,
    password: PASSWORD,
  });
  expect(signedUp.status).toBe(200);
  await app.deps.background.idle();
  expect(mail.mails.map(({ to }) => to)).toEqual([email]);
  expect(await runAsAdmin(app, `select email from users where email = '${email}'`)).toEqual([{ email }]);
});
