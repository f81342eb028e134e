import { createOTP } from '@better-auth/utils/otp';

/** Seconds in which an app shows the same code. */
export const PERIOD = 30;
export const DIGITS = 6;
/** Steps before and after the present one whose codes are taken: clocks differ. better-auth takes the same. */
const WINDOW = 1;

/** Finds the time step whose code an app with the seed shows; `undefined` where the code is of no step around now. */
export async function findStep(seed: string, code: string): Promise<number | undefined> {
  const otp = createOTP(seed, { digits: DIGITS, period: PERIOD });
  const now = Math.floor(Date.now() / 1000 / PERIOD);
  for (let step = now - WINDOW; step <= now + WINDOW; step++) {
    if ((await otp.hotp(step)) === code) return step;
  }
  return undefined;
}
