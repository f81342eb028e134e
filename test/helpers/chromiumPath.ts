import { existsSync } from 'node:fs';

/**
 * The path of Chromium: CHROMIUM, or Debian's path. Without a file there, vitest.config.ts leaves the tests in a
 * browser out.
 */
export const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const hasChromium = existsSync(CHROMIUM);
