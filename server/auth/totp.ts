import { createOTP } from '@better-auth/utils/otp';
import { CODE_PERIOD } from '../../shared/codePeriod.ts';

export const DIGITS = 6;
/** Steps before and after the present one whose codes are taken: clocks differ. better-auth takes the same. */
const WINDOW = 1;

/** Finds the time step whose code an app with the seed shows; `undefined` where the code is of no step around now. */
export async function findStep(seed: string, code: string): Promise<number | undefined> {
  const otp = createOTP(seed, { digits: DIGITS, period: CODE_PERIOD });
  const now = Math.floor(Date.now() / 1000 / CODE_PERIOD);
  for (let step = now - WINDOW; step <= now + WINDOW; step++) {
    if ((await otp.hotp(step)) === code) return step;
  }
  return undefined;
}
