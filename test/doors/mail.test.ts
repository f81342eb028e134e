import { pino } from 'pino';
import { expect, test } from 'vitest';
import { deleteExpiredSessions } from '../../db/accounts.ts';
import { asAccounts, asOperator } from '../../db/admission.ts';
import { insertMember } from '../../db/members.ts';
import { createMailer, type Mail } from '../../server/mail/mailer.ts';
import { sendExpiryNotices } from '../../server/start/expiryNotices.ts';
import { addMember, addPerson, openBrowser, signedIn } from '../helpers/browser.ts';
import { type Received, startMailServer } from '../helpers/mailServer.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

/** The text of a mail's body, and the subject, as a mail program shows them. */
function readMail({ content }: Received) {
  const [head = '', ...body] = content.split('\r\n\r\n');
  const isBase64 = /^Content-Transfer-Encoding: base64/im.test(head);
  const raw = body.join('\r\n\r\n');
  const bytes = isBase64
    ? Buffer.from(raw, 'base64')
    : Buffer.from(
        raw.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
        'latin1',
      );
  return { head, text: bytes.toString().replaceAll('\r\n', '\n').trim() };
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
  // Nobody has the secret of the invitation, which is taken back.
  expect((await trpc.members.list.query()).invitations).toEqual([]);
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

test('The notice of an expiry has what its recipient needs, and names no other recipient; a refused mail goes again alone', async () => {
  await using server = await startMailServer();
  const mail = createMailer({ smtpUrl: server.url, from: 'introzy@example.com', log: pino({ level: 'silent' }) });
  await using app = await testApp({ choices: { mail }, isAlone: true });
  const parts = { ...app.deps, publicUrl: 'https://contacts.example.com' };
  const { one } = app;
  const holder = await addMember(app, one.id, 'admin');
  const refused = await addPerson(app, 'nobody');
  await insertMember(asOperator(app.db, one.id), { organizationId: one.id, userId: refused.userId, role: 'owner' });
  const browser = await signedIn(app, holder);
  const { key, apiKey } = await browser.trpc.keys.issue.mutate({
    name: 'CRM sync',
    environment: 'production',
    selfRotate: true,
  });
  const expire = (interval: string) =>
    runAsAdmin(
      app,
      `update api_keys set expires_at = date_trunc('minute', now() + interval '${interval}') where id = '${apiKey.id}'
        returning to_char(expires_at at time zone 'UTC', 'YYYY-MM-DD "at" HH24:MI "UTC"') as at`,
    );
  const [{ at } = {}] = await expire('167 hours');
  const api = 'https://contacts.example.com/api/keys';
  const page = `https://contacts.example.com/settings/api-keys/${apiKey.id}`;
  await sendExpiryNotices(parts);
  expect(server.received.map(({ to }) => to).sort()).toEqual([[holder.email], [one.ownerEmail]].sort());
  const mailTo = (email: string) => {
    const found = server.received.filter(({ to }) => to.includes(email)).map(readMail);
    return found.at(-1) as (typeof found)[number];
  };
  const text = (holderLine: string, reason: string) =>
    [
      `The API key “CRM sync” of ${one.name} expires in 7 days, on ${at}. What uses the key stops working then.`,
      `Key: introzy_${apiKey.hint}…\nEnvironment: production\nHolder: ${holderLine}\nLast used: never used`,
      `Rotate the key in time: on its page, or by POST ${api}/${apiKey.id}/rotate with a key that may manage keys. The old secret then works for 24 more hours. The key may also rotate itself: POST ${api}/current/rotate.`,
      `You get this mail as ${reason}. The key’s page:`,
      page,
    ].join('\n\n');
  expect(mailTo(holder.email).text).toBe(text('you', 'the holder of the key'));
  expect(mailTo(one.ownerEmail).text).toBe(text(holder.email, `an owner of ${one.name}`));
  for (const { to, content } of server.received) {
    for (const email of [one.ownerEmail, refused.email]) {
      if (!to.includes(email)) expect(content).not.toContain(email);
    }
    expect(content).not.toContain(key);
  }
  expect(app.logs.join('')).toMatch(/the notice of an expiry is not sent yet/);

  // The mailbox of the third recipient is back.
  await runAsAdmin(app, `update users set email = 'again@example.com' where id = '${refused.userId}'`);
  await sendExpiryNotices(parts);
  await sendExpiryNotices(parts);
  expect(server.received.slice(2).map(({ to }) => to)).toEqual([['again@example.com']]);

  // On the last day: the key was used, and its holder may not manage keys any more.
  await app.api(key, 'GET', '/api/keys/current');
  await app.deps.lastUse.flush();
  await runAsAdmin(app, `update members set role = 'member' where user_id = '${holder.userId}'`);
  await runAsAdmin(app, `update api_keys set self_rotate = false, environment = null where id = '${apiKey.id}'`);
  await expire('5 hours');
  await sendExpiryNotices(parts);
  const last = mailTo(holder.email).text;
  expect(last).toMatch(/^The API key “CRM sync” of .* expires in 5 hours, on /);
  expect(last).toContain(
    `Key: introzy_${apiKey.hint}…\nHolder: you\nLast used: ${new Date().toISOString().slice(0, 10)} (UTC)`,
  );
  expect(last).toContain(
    `Your role does not let you rotate keys: ask an owner or an admin of ${one.name} to rotate the key in time, on its page.`,
  );
  expect(last).not.toContain('POST');
  expect(server.received).toHaveLength(6);
});

test('The notice of a key that the operator’s command line made goes to the owners, and says so', async () => {
  const mails: Mail[] = [];
  await using app = await testApp({
    choices: { mail: { send: async (mail) => void mails.push(mail) } },
    isAlone: true,
  });
  await runAsAdmin(app, `update api_keys set expires_at = now() + interval '6 days' where id = '${app.one.keyId}'`);
  await sendExpiryNotices(app.deps);
  expect(mails).toMatchObject([
    {
      to: app.one.ownerEmail,
      text: expect.stringContaining('Holder: nobody; the operator’s command line made the key\n'),
    },
  ]);
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
