import { expect, test } from 'vitest';
import { addMember, openBrowser, signedIn } from '../helpers/browser.ts';
import { addPasskey, newDevice, signInBy } from '../helpers/passkey.ts';
import { testApp } from '../helpers/testApp.ts';

const passkeyApp = () => testApp({ choices: { publicUrl: 'http://localhost' } });

test('A person adds a passkey, and signs in with it', async () => {
  await using app = await passkeyApp();
  const person = await addMember(app, app.one.id);
  const device = newDevice();
  const own = await signedIn(app, person);
  const added = await addPasskey(own, device);
  console.log(added.status, added.text);
  console.log((await own.call('GET', '/api/auth/passkey/list')).text);
  const browser = openBrowser(app);
  const r = await signInBy(browser, device, { counter: 1 });
  console.log(r.status, r.text, [...browser.cookies]);
  console.log((await own.call('GET', '/api/auth/passkey/list')).text);
  expect((await browser.trpc.session.current.query()).person.id).toBe(person.userId);
  for (const say of [{ isVerified: false }, { counter: 1 }, { origin: 'http://evil.localhost' }, { host: 'example.com' }]) {
    const x = await signInBy(openBrowser(app), device, { counter: 2, ...say });
    console.log(x.status, x.text);
  }
});
