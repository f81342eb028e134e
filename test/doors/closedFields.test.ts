import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { addPerson, openBrowser, PASSWORD, signedIn } from '../helpers/browser.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

const FIELDS = ['image', 'logo', 'metadata'] as const;

test('No request sets a picture or metadata of an account or an organization, and the refusal names the field', async () => {
  await using app = await testApp({ choices: { openSignUp: true } });
  const browser = openBrowser(app);
  const account = { name: 'New', email: `new-${randomUUID()}@example.com`, password: PASSWORD };
  const organization = () => ({ name: `Own ${randomUUID()}`, slug: randomUUID() });
  const refused = async (path: string, body: object, field: string, by = browser) => {
    const answer = await by.account(path, body);
    expect([answer.status, answer.body.details.issues[0].path], path).toEqual([400, [field]]);
  };
  for (const field of FIELDS) {
    for (const value of ['https://evil.example/a.png', '', null, { a: 1 }]) {
      await refused('/sign-up/email', { ...account, [field]: value }, field);
    }
  }
  const person = await signedIn(app, await addPerson(app));
  for (const field of FIELDS) {
    await refused('/update-user', { [field]: 'https://evil.example/a.png' }, field);
    await refused('/organization/create', { ...organization(), [field]: { a: 1 } }, field, person);
    await refused('/organization/set-active', { organizationId: null, [field]: 'x' }, field, person);
  }
});

test('No answer about accounts has a picture or metadata, also where a row has both', async () => {
  await using app = await testApp({ choices: { openSignUp: true } });
  const account = await addPerson(app);
  const browser = await signedIn(app, account);
  const made = await browser.account('/organization/create', { name: `Own ${randomUUID()}`, slug: randomUUID() });
  const organizationId: string = made.body.id;
  await runAsAdmin(app, `update users set image = 'kept-picture' where email = '${account.email}'`);
  await runAsAdmin(
    app,
    `update organizations set logo = 'kept-picture', metadata = '{"a":"kept-picture"}' where id = '${organizationId}'`,
  );
  const answers = [
    await browser.signIn(account.email),
    await browser.call('GET', '/api/auth/get-session'),
    await browser.call('GET', '/api/auth/list-sessions'),
    await browser.call('GET', '/api/auth/organization/list'),
    await browser.account('/update-user', { name: 'Newer' }),
    await browser.account('/organization/set-active', { organizationId }),
    await browser.account('/change-password', { currentPassword: PASSWORD, newPassword: `${PASSWORD}!` }),
  ];
  for (const { status, text } of answers) expect(status, text).toBe(200);
  for (const { text } of [made, ...answers]) expect(text).not.toMatch(/"(image|logo|metadata)"|kept-picture/);
  expect(answers[1]?.body.user.email).toBe(account.email);
});
