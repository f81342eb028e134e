import { expect, test } from 'vitest';
import { addMember, openBrowser, signedIn } from '../helpers/browser.ts';
import { testApp } from '../helpers/testApp.ts';

test('What better-auth has beyond the dashboard’s needs is closed', async () => {
  await using app = await testApp();
  const browser = await signedIn(app, await addMember(app, app.one.id, 'owner'));
  for (const [method, path] of [
    ['POST', '/organization/invite-member'],
    ['POST', '/organization/remove-member'],
    ['POST', '/organization/update-member-role'],
    ['POST', '/organization/leave'],
    ['POST', '/organization/delete'],
    ['POST', '/organization/update'],
    ['POST', '/delete-user'],
    ['POST', '/change-email'],
    ['POST', '/sign-in/social'],
    ['GET', '/error'],
    ['GET', '/ok'],
    ['GET', '/get-session/../organization/delete'],
  ] as const) {
    const { status, headers } = await browser.call(method, `/api/auth${path}`, method === 'POST' ? {} : undefined);
    expect(status, path).toBe(404);
    expect(headers.get('x-request-id')).toBeTruthy();
  }
});

test('No request about accounts is a defect of ours, whatever its method and body', async () => {
  await using app = await testApp({ choices: { openSignUp: true } });
  const person = await addMember(app, app.one.id);
  const bodies: unknown[] = [
    '{',
    'null',
    '[]',
    '"text"',
    '{}',
    { email: 7, password: [] },
    { email: {}, password: null },
  ];
  for (const text of ['\0', '\ud800', 'x'.repeat(100_000), "'; drop table users; --", '<script>']) {
    bodies.push({ name: text, email: `${text}@example.com`, password: text, newPassword: text, currentPassword: text });
    bodies.push({ token: text, invitationId: text, organizationId: text, slug: text, image: text, redirectTo: text });
    bodies.push({ email: person.email, password: text, name: 'A name', slug: text, token: text });
  }
  for (const path of [
    ...['/sign-up/email', '/request-password-reset', '/reset-password', '/change-password', '/update-user'],
    ...['/organization/create', '/organization/set-active', '/organization/accept-invitation', '/revoke-session'],
    ...['/sign-in/email', '/sign-out'],
  ]) {
    const browser = await signedIn(app, person);
    for (const body of bodies) {
      const { status, text } = await browser.account(path, body);
      expect(status, `${path} ${JSON.stringify(body).slice(0, 80)} ${text.slice(0, 200)}`).toBeLessThan(500);
    }
    const { status, headers } = await browser.call('GET', `/api/auth${path}`);
    expect([status, headers.get('allow')], path).toEqual([405, 'POST']);
  }
  const { status, headers } = await openBrowser(app).account('/get-session');
  expect([status, headers.get('allow')]).toEqual([405, 'GET']);
  for (const page of ['/', '/contacts']) {
    const answer = await app.app.request(page, { method: 'POST' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  }
});
