import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import type { AuditEntry } from '../../shared/audit.ts';
import { seal } from '../helpers/auditChain.ts';
import { addMember, addPerson, openBrowser, signedIn } from '../helpers/browser.ts';
import { mailbox } from '../helpers/mailbox.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

/** Ends the hour of the failed sign-ins so far. */
async function passHour(app: TestApp) {
  await runAsAdmin(app, `update failed_sign_ins set hour = hour - interval '1 hour'`);
  await seal(app);
}

const entriesOf = async (app: TestApp, filter: { subjectId?: string; action?: AuditEntry['action'] } = {}) =>
  (await app.trpc(app.one.key).audit.list.query({ ...filter, limit: 200 })).items;

test('A key’s life is in the audit log, with who acted and what changed, newest first', async () => {
  await using app = await testApp();
  const admin = await addMember(app, app.one.id, 'admin');
  const { trpc } = await signedIn(app, admin);
  const { key, apiKey } = await trpc.keys.issue.mutate({ name: 'first name', scopes: ['contacts:read'] });
  const { id } = apiKey;
  await trpc.keys.rename.mutate({ id, name: 'second name' });
  // A rename to the present name changes nothing.
  await trpc.keys.rename.mutate({ id, name: 'second name' });
  const byKey = app.trpc(app.one.key).keys;
  const rotated = await byKey.rotate.mutate({ id, graceHours: 5 });
  // The same caller's next rotation would replace a secret that nobody has used.
  await runAsAdmin(app, `update api_key_secrets set first_used_at = now() where api_key_id = '${id}'`);
  const cutOff = await byKey.rotate.mutate({ id, graceHours: 0 });
  expect((await app.api(key, 'GET', '/api/contacts')).status).toBe(401);
  await trpc.keys.revoke.mutate({ id });
  await trpc.keys.revoke.mutate({ id });

  const person = { type: 'person', id: admin.userId, name: admin.email };
  const other = { type: 'key', id: app.one.keyId, name: 'First key' };
  const subject = (name: string) => ({ type: 'apiKey', id, name });
  const iso = (date: Date) => date.toISOString();
  const entries = await entriesOf(app, { subjectId: id });
  expect(entries.map(({ id: _, at, ...entry }) => entry)).toEqual([
    { actor: person, action: 'apiKey.revoked', subject: subject('second name'), details: {} },
    {
      actor: other,
      action: 'apiKey.rotated',
      subject: subject('second name'),
      details: { hint: cutOff.apiKey.hint, expiresAt: iso(cutOff.apiKey.expiresAt), oldSecretsEndAt: null },
    },
    {
      actor: other,
      action: 'apiKey.rotated',
      subject: subject('second name'),
      details: {
        hint: rotated.apiKey.hint,
        expiresAt: iso(rotated.apiKey.expiresAt),
        oldSecretsEndAt: expect.stringMatching(/^\d{4}-.*Z$/),
      },
    },
    {
      actor: person,
      action: 'apiKey.renamed',
      subject: subject('second name'),
      details: { from: 'first name', to: 'second name' },
    },
    {
      actor: person,
      action: 'apiKey.issued',
      subject: subject('first name'),
      details: { hint: apiKey.hint, scopes: ['contacts:read'], expiresAt: iso(apiKey.expiresAt) },
    },
  ]);
  const graceEnd = Date.parse(String(entries[2]?.details.oldSecretsEndAt)) - (entries[2]?.at.getTime() ?? 0);
  expect(Math.round(graceEnd / 360_000)).toBe(50);
  // The log holds no part of a key except the hint.
  expect(JSON.stringify(entries)).not.toContain(cutOff.key.slice(16));
});

test('Invitations, members and sign-ins are in the audit log of the organization that they are about', async () => {
  const mail = mailbox();
  await using app = await testApp({ choices: { mail } });
  const owner = await addMember(app, app.one.id, 'owner');
  const asOwner = await signedIn(app, owner);
  const person = await addPerson(app);
  const browser = await signedIn(app, person);
  const first = await asOwner.trpc.members.invite.mutate({ email: person.email });
  await asOwner.trpc.members.cancelInvitation.mutate({ id: first.id });
  await asOwner.trpc.members.invite.mutate({ email: person.email, role: 'admin' });
  const invitationId = mail.mails.at(-1)?.link.split('/').at(-1);
  await browser.account('/organization/accept-invitation', { invitationId });
  const { apiKey } = await browser.trpc.keys.issue.mutate({ name: 'to be kept' });
  const lost = await browser.trpc.keys.issue.mutate({ name: 'to be lost' });
  await openBrowser(app).signIn(person.email, 'not the password');
  await openBrowser(app).call('POST', '/api/auth/sign-in/email', {
    email: person.email.toUpperCase(),
    password: 'not it',
  });
  const again = openBrowser(app);
  await again.signIn(person.email);
  const { members } = await asOwner.trpc.members.list.query();
  const { id } = members.find((member) => member.person.id === person.userId) as (typeof members)[number];
  await asOwner.trpc.members.changeRole.mutate({ id, role: 'member' });
  await asOwner.trpc.members.changeRole.mutate({ id, role: 'member' });
  await asOwner.trpc.members.remove.mutate({ id, keepKeys: [apiKey.id] });
  // The account is in no organization now, so that no organization's log gets this failed sign-in.
  await openBrowser(app).signIn(person.email, 'not the password');

  const by = { type: 'person', id: owner.userId, name: owner.email };
  const self = { type: 'person', id: person.userId, name: person.email };
  const place = { address: 'unknown', userAgent: 'unknown' };
  // Failed sign-ins are counted until their hour ends.
  expect(await runAsAdmin(app, `select from audit_log where action = 'person.signInFailed'`)).toEqual([]);
  await passHour(app);
  const counted = { ...place, count: 2, hour: expect.stringMatching(/^\d{4}-.*:00:00\.000Z$/) };
  const since = (entries: AuditEntry[]) => entries.filter(({ at }) => at >= first.createdAt);
  const all = since(await entriesOf(app)).map(({ actor, action, subject, details }) => [
    actor,
    action,
    subject.name,
    details,
  ]);
  expect(all.reverse()).toEqual([
    [by, 'member.invited', person.email, { role: 'member' }],
    [by, 'member.invitationCancelled', person.email, { role: 'member' }],
    [by, 'member.invited', person.email, { role: 'admin' }],
    [self, 'member.joined', person.email, { role: 'admin' }],
    [self, 'apiKey.issued', 'to be kept', expect.anything()],
    [self, 'apiKey.issued', 'to be lost', expect.anything()],
    [self, 'person.signedIn', person.email, place],
    [by, 'member.roleChanged', person.email, { from: 'admin', to: 'member' }],
    [by, 'apiKey.kept', 'to be kept', {}],
    [by, 'apiKey.revoked', 'to be lost', {}],
    [by, 'member.removed', person.email, { role: 'member' }],
    [self, 'person.signInFailed', person.email, counted],
  ]);
  expect((await entriesOf(app, { subjectId: lost.apiKey.id })).map(({ action }) => action)).toEqual([
    'apiKey.revoked',
    'apiKey.issued',
  ]);
  const theirs = await app.trpc(app.other.key).audit.list.query();
  expect(JSON.stringify(theirs)).not.toContain(person.email);
});

test('The operator’s doings are the operator’s', async () => {
  await using app = await testApp();
  const { apiKey } = await app.issue(app.one.id);
  const operator = { type: 'operator', id: null, name: 'The operator' };
  expect(await entriesOf(app, { subjectId: apiKey.id })).toMatchObject([{ actor: operator, action: 'apiKey.issued' }]);
  expect(await entriesOf(app, { subjectId: app.one.ownerId })).toMatchObject([
    { actor: operator, action: 'member.joined', details: { role: 'owner' } },
  ]);
});

test('The log is read in pages, by subject and by action, over REST too', async () => {
  await using app = await testApp();
  const { audit, keys } = app.trpc(app.one.key);
  const { apiKey } = await keys.issue.mutate({ name: 'renamed a lot' });
  for (let turn = 0; turn < 5; turn++) await keys.rename.mutate({ id: apiKey.id, name: `name ${turn}` });
  const filter = { subjectId: apiKey.id, action: 'apiKey.renamed' } as const;
  const names: unknown[] = [];
  let cursor: string | undefined;
  do {
    const page = await audit.list.query({ ...filter, limit: 2, ...(cursor !== undefined && { cursor }) });
    expect(page.items.length).toBeLessThanOrEqual(2);
    names.push(...page.items.map(({ details }) => details.to));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  expect(names).toEqual(['name 4', 'name 3', 'name 2', 'name 1', 'name 0']);

  const { status, body } = await app.api(
    app.one.key,
    'GET',
    `/api/audit?${new URLSearchParams({ ...filter, limit: '2' })}`,
  );
  expect([status, body.data.length, typeof body.nextCursor]).toEqual([200, 2, 'string']);
  expect(body.data[0].at).toMatch(/^\d{4}-.*\.\d{3}Z$/);
  expect((await app.api(app.one.key, 'GET', '/api/audit?action=none')).status).toBe(400);
});

test('A change that cannot be recorded does not happen', async () => {
  await using app = await testApp({ isAlone: true });
  const owner = await addMember(app, app.one.id, 'owner');
  const member = await addMember(app, app.one.id);
  const { trpc } = await signedIn(app, owner);
  const { members } = await trpc.members.list.query();
  const { id } = members.find(({ person }) => person.id === member.userId) as (typeof members)[number];
  const before = JSON.stringify([await trpc.keys.list.query(), await trpc.members.list.query()]);
  await runAsAdmin(app, 'alter table audit_log add constraint full_up check (false) not valid');
  const keyId = app.one.keyId;
  for (const change of [
    () => trpc.keys.issue.mutate({ name: 'another' }),
    () => trpc.keys.rename.mutate({ id: keyId, name: 'another' }),
    () => trpc.keys.rotate.mutate({ id: keyId }),
    () => trpc.keys.revoke.mutate({ id: keyId }),
    () => trpc.members.invite.mutate({ email: 'another@example.com' }),
    () => trpc.members.changeRole.mutate({ id, role: 'admin' }),
    () => trpc.members.remove.mutate({ id }),
  ]) {
    await expect(change()).rejects.toMatchObject({ data: { httpStatus: 500 } });
  }
  expect((await openBrowser(app).signIn(member.email)).status).toBe(500);
  expect(JSON.stringify([await trpc.keys.list.query(), await trpc.members.list.query()])).toBe(before);
  expect((await app.api(app.one.key, 'GET', '/api/contacts')).status).toBe(200);
});

test('Nobody changes what the log has, nor takes it away', async () => {
  await using app = await testApp();
  const tenant = asOperator(app.db, app.one.id);
  const update = tenant.updateTable('audit_log').set({ action: 'nothing' }).where('organization_id', '=', app.one.id);
  const remove = tenant.deleteFrom('audit_log').where('organization_id', '=', app.one.id);
  for (const change of [update, remove]) await expect(change.execute()).rejects.toMatchObject({ code: '42501' });
});
