import { base32 } from '@better-auth/utils/base32';
import { createOTP } from '@better-auth/utils/otp';
import { type Browser, PASSWORD } from './browser.ts';
import { runAsAdmin } from './tables.ts';
import type { TestApp } from './testApp.ts';

/** A person's authenticator app. */
export interface App {
  recoveryCodes: string[];
  /** The code that the app shows now, or showed or shows `steps` half minutes away. */
  code(steps?: number): Promise<string>;
}

/** An app that has read the picture with this address. */
export function readPicture(totpURI: string): App['code'] {
  const otp = createOTP(base32.decode(new URL(totpURI).searchParams.get('secret') ?? ''));
  return (steps = 0) => otp.hotp(Math.floor(Date.now() / 30_000) + steps);
}

/** Switches the second factor on, for the person who is signed in. */
export async function switchOn(browser: Browser): Promise<App> {
  const { status, text, body } = await browser.account('/two-factor/enable', { password: PASSWORD });
  if (status !== 200) throw new Error(`Not switched on: ${text}`);
  const app: App = { recoveryCodes: body.backupCodes, code: readPicture(body.totpURI) };
  const confirmed = await browser.account('/two-factor/verify-totp', { code: await app.code() });
  if (confirmed.status !== 200) throw new Error(`Not confirmed: ${confirmed.text}`);
  return app;
}

/** The code of the app for a next sign-in: as if half a minute had passed since the last code was taken. */
export async function freshCode(app: TestApp, { code }: App): Promise<string> {
  await runAsAdmin(app, 'update two_factors set last_step = last_step - 10');
  return await code();
}

/** What the audit log of the first organization tells of a person, oldest first. */
export const audited = async (app: TestApp, userId: string) =>
  (
    await runAsAdmin(
      app,
      `select action, actor->>'type' as by from audit_log where subject->>'id' = '${userId}'
        and organization_id = '${app.one.id}' and action like 'person.%' order by id`,
    )
  ).map(({ action, by }) => `${action} ${by}`);
