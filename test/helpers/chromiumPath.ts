import { existsSync } from 'node:fs';

/** Debian's, or the one that CHROMIUM names. Without one the tests in a browser are left out: see vitest.config.ts. */
export const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const hasChromium = existsSync(CHROMIUM);
