import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { insertInvitation, type SentInvitation } from '../../db/invitations.ts';
import { addMember, openBrowser, PASSWORD, signedIn } from '../helpers/browser.ts';
import { mailbox } from '../helpers/mailbox.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

const TWENTY = Array.from({ length: 20 }, (_, index) => index);
const newAddress = () => `invited-${randomUUID()}@example.com`;

test('Twenty invitations of an address at once are one invitation and one mail, whoever invites', async () => {
  const mail = mailbox();
  await using app = await testApp({ choices: { mail } });
  const one = await signedIn(app, await addMember(app, app.one.id, 'admin'));
  const two = await signedIn(app, await addMember(app, app.one.id, 'admin'));
  for (const browsers of [[one], [one, two]]) {
    const email = newAddress();
    const invite = (index: number) =>
      browsers[index % browsers.length]!.trpc.members.invite.mutate({
        email: index % 3 === 0 ? email.toUpperCase() : email,
      });
    const made = await Promise.all(TWENTY.map(invite));
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    expect(mail.mails.filter(({ to }) => to === email)).toHaveLength(1);
    const rows = await runAsAdmin(app, `select status from invitations where email = '${email}'`);
    expect(rows).toEqual([{ status: 'pending' }]);
    // The twenty count as one of the address's invitations, and the address may be invited again.
    const again = await one.trpc.members.invite.mutate({ email });
    expect(again.id).not.toBe(made[0]?.id);
  }
});

test('Instances that invite an address at once make one invitation, of which one has the secret', async () => {
  await using app = await testApp();
  const { userId: inviterId } = await addMember(app, app.one.id, 'admin');
  const email = newAddress();
  const tenant = asOperator(app.db, app.one.id);
  const asked = { organizationId: app.one.id, email, role: 'member', inviterId, by: 'admin' } as const;
  const made = (await Promise.all(TWENTY.slice(0, 4).map(() => insertInvitation(tenant, asked)))) as SentInvitation[];
  const pending = await runAsAdmin(
    app,
    `select reference as id from invitations where email = '${email}' and status = 'pending'`,
  );
  expect(pending).toHaveLength(1);
  expect(made.findLast(({ secret }) => secret !== undefined)).toBeDefined();
});

test('Two clicks on “accept” at once are one: both are answered with the membership', async () => {
  const mail = mailbox();
  await using app = await testApp({ choices: { mail } });
  const admin = await signedIn(app, await addMember(app, app.one.id, 'admin'));
  for (let round = 0; round < 3; round++) {
    const email = newAddress();
    await admin.trpc.members.invite.mutate({ email });
    const invitationId = mail.mails
      .findLast(({ to }) => to === email)
      ?.link.split('/')
      .at(-1);
    const browser = openBrowser(app);
    const account = { name: 'New', email, password: PASSWORD, invitationId };
    expect((await browser.account('/sign-up/email', account)).status).toBe(200);
    const accept = () => browser.account('/organization/accept-invitation', { invitationId });
    const [first, second] = await Promise.all([accept(), accept()]);
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(second.body.member.id).toBe(first.body.member.id);
    const members = await runAsAdmin(
      app,
      `select m.id from members m join users u on u.id = m.user_id where u.email = '${email}'`,
    );
    expect(members).toEqual([{ id: first.body.member.id }]);
  }
});
