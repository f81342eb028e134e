import { pino } from 'pino';
import { expect, test } from 'vitest';
import { openDatabase } from '../../db/open.ts';
import { createApp } from '../../server/doors/app.ts';
import { createDeps } from '../../server/start/deps.ts';
import { addMember, openBrowser, PASSWORD, signedIn } from '../helpers/browser.ts';
import { testApp } from '../helpers/testApp.ts';

test('While the database is away a session is neither refused nor served: 503, whatever asks for it', async () => {
  await using app = await testApp();
  const member = await addMember(app, app.one.id);
  const { cookies } = await signedIn(app, member);
  // Port 1 has no listener.
  const options = { url: 'postgres://nobody@127.0.0.1:1/none', poolSize: 2, deadline: 1_000, prepare: true };
  const db = await openDatabase({ kind: 'postgres', timeouts: { statement: 500, lock: 500 }, options });
  try {
    const lines: string[] = [];
    const log = pino({}, { write: (line: string) => void lines.push(line) });
    const away = openBrowser({ app: createApp(createDeps({ db, log, keySecrets: app.keySecrets, rateLimit: 100 })) });
    for (const [name, value] of cookies) away.cookies.set(name, value);
    for (const answer of [
      await away.call('GET', '/api/contacts'),
      await away.call('GET', '/trpc/session.current'),
      await away.call('GET', '/api/auth/get-session'),
      await away.call('GET', '/api/auth/list-sessions'),
      await away.call('GET', '/api/auth/organization/list'),
      await away.account('/sign-out'),
      await away.signIn(member.email),
      await away.account('/request-password-reset', { email: member.email }),
    ]) {
      expect([answer.status, answer.headers.get('retry-after')], answer.text).toEqual([503, '1']);
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
    expect(lines.join('')).not.toContain(PASSWORD);
    // A request without a session's cookie asks the database nothing.
    expect(
      (
        await openBrowser({ app: createApp(createDeps({ db, log, keySecrets: app.keySecrets, rateLimit: 100 })) }).call(
          'GET',
          '/api/contacts',
        )
      ).status,
    ).toBe(401);
  } finally {
    await db.close();
  }
});
