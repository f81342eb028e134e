import { expect, test } from 'vitest';
import { awaitedOwnerMail, invitationMail } from '../../server/mail/messages.ts';
import type { Invitation } from '../../shared/people.ts';

const invitation: Invitation = {
  id: '01890000-0000-7000-8000-000000000001',
  email: 'ada@example.com',
  role: 'member',
  state: 'pending',
  invitedBy: 'grace@inviter.example',
  createdAt: new Date(),
  expiresAt: new Date(),
};
const publicUrl = 'https://introzy.example';
const mailOf = (organization: string) => invitationMail({ invitation, organization, secret: 'the-secret', publicUrl });
/** What mail programs take for an address: a scheme, or words with a dot or an `@` between them. */
const ADDRESS = /[a-z][a-z\d+-]*:[^\s\u2060]|\/\/|\w[.。．｡]\w|\S@[^\s\u2060]/iu;

test('A mail shows a name as text that no mail program takes for a link, and the mail’s own link stays', () => {
  const names = ['https://evil.example', 'evil.example', 'click: http://evil.example/a?b=c', 'www.evil.example now'];
  for (const name of [...names, 'me@evil.example', 'mailto:x@evil.example', 'evil。example', 'evil．example']) {
    const { subject, text, link } = mailOf(name);
    expect(subject).not.toMatch(ADDRESS);
    expect(text.replace('grace@inviter.example', '').replace(/:$/, '')).not.toMatch(ADDRESS);
    expect(subject.replaceAll('\u2060', '')).toBe(`Join ${name} on Introzy`);
    expect(link).toBe('https://introzy.example/invitations/the-secret');
    const awaited = awaitedOwnerMail({ email: 'ada@example.com', token: 't', publicUrl, organization: name });
    expect(awaited.text.replace(/:$/, '')).not.toMatch(ADDRESS);
  }
  expect(mailOf('Smith & Co. Ltd').subject).toBe('Join Smith & Co. Ltd on Introzy');
});

test('A name from before names were single lines makes no header and no line of a mail', () => {
  const { subject, text } = mailOf('Acme\r\nBcc: eve@evil.example\u2028\u202Eelpmaxe');
  expect(subject + text).not.toMatch(/[\r\n\u2028\u202E]/);
});
