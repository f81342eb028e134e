import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { SMTPServer } from 'smtp-server';
import { expect, test } from 'vitest';
import { deleteExpiredSessions } from '../../db/accounts.ts';
import { asAccounts } from '../../db/admission.ts';
import { createMailer } from '../../server/mail/mailer.ts';
import { addMember, openBrowser, signedIn } from '../helpers/browser.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

interface Received {
  to: string[];
  content: string;
}

/** Starts a mail server that refuses mails to addresses that begin with `nobody`. */
async function startMailServer() {
  const received: Received[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onRcptTo: ({ address }, _, done) => done(address.startsWith('nobody') ? new Error('No such mailbox') : null),
    onData(stream, session, done) {
      text(stream).then((content) => {
        received.push({ to: session.envelope.rcptTo.map(({ address }) => address), content });
        done();
      }, done);
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  return {
    received,
    url: `smtp://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(resolve)),
  };
}

/** The readable text of a mail: folded lines are joined, and `=3D` is `=`. */
const unfold = (content: string) => content.replace(/=\r\n/g, '').replace(/=3D/g, '=');

test('Mail goes by SMTP where that is set up, with its link and nothing of it in the log', async () => {
  await using server = await startMailServer();
  const logs: string[] = [];
  const log = pino({}, { write: (line: string) => void logs.push(line) });
  const mail = createMailer({ smtpUrl: server.url, from: 'Introzy <introzy@example.com>', log });
  await using app = await testApp({ choices: { mail } });
  const admin = await addMember(app, app.one.id, 'admin');
  const { trpc } = await signedIn(app, admin);
  await trpc.members.invite.mutate({ email: 'ada@example.com' });
  await openBrowser(app).account('/request-password-reset', { email: admin.email });
  await expect.poll(() => server.received.length).toBe(2);
  const [invitation, reset] = server.received as [Received, Received];
  expect([invitation.to, reset.to]).toEqual([['ada@example.com'], [admin.email]]);
  expect(invitation.content).toMatch(/^From: Introzy <introzy@example\.com>/m);
  expect(unfold(invitation.content)).toMatch(/^http:\/\/127\.0\.0\.1:3000\/invitations\/[0-9a-f-]{36}\r$/m);
  expect(unfold(invitation.content)).toContain(admin.email);
  expect(unfold(reset.content)).toMatch(/http:\/\/127\.0\.0\.1:3000\/reset-password\?token=\w+/);
  expect(logs.join('') + app.logs.join('')).not.toMatch(/invitations\/|token=/);
});

test('Where the mail server refuses, who invites is told, and can invite again', async () => {
  await using server = await startMailServer();
  const log = pino({ level: 'silent' });
  const mail = createMailer({ smtpUrl: server.url, from: 'introzy@example.com', log });
  await using app = await testApp({ choices: { mail } });
  const { trpc } = await signedIn(app, await addMember(app, app.one.id, 'admin'));
  await expect(trpc.members.invite.mutate({ email: 'nobody@example.com' })).rejects.toMatchObject({
    message: 'The mail server did not take the invitation. Check the address, and invite once more',
    data: { httpStatus: 503 },
  });
  expect((await trpc.members.list.query()).invitations).toMatchObject([{ email: 'nobody@example.com' }]);
  expect(server.received).toEqual([]);
});

test('Without SMTP the link is in the log, for the operator to hand on', async () => {
  await using app = await testApp();
  const { trpc } = await signedIn(app, await addMember(app, app.one.id, 'admin'));
  await trpc.members.invite.mutate({ email: 'ada@example.com' });
  const line = app.logs.map((each) => JSON.parse(each)).find(({ link }) => link);
  expect(line).toMatchObject({
    to: 'ada@example.com',
    link: expect.stringMatching(/^http:\/\/127\.0\.0\.1:3000\/invitations\/[0-9a-f-]{36}$/),
  });
});

test('Sessions that are over are deleted, and no other', async () => {
  await using app = await testApp();
  const [over, holds] = [await addMember(app, app.one.id), await addMember(app, app.one.id)];
  await signedIn(app, over);
  const browser = await signedIn(app, holds);
  await runAsAdmin(
    app,
    `update sessions set expires_at = now() - interval '1 second' where user_id = '${over.userId}'`,
  );
  await deleteExpiredSessions(asAccounts(app.db));
  const rows = await runAsAdmin(
    app,
    `select user_id from sessions where user_id in ('${over.userId}', '${holds.userId}')`,
  );
  expect(rows).toEqual([{ user_id: holds.userId }]);
  expect((await browser.call('GET', '/api/contacts')).status).toBe(200);
});
