import { hkdfSync } from 'node:crypto';
import type { KeySecrets } from './keySecret.ts';

/** The secret that signs sessions and the links of mails, derived from the newest server secret. */
export const accountsSecret = (keySecrets: KeySecrets) =>
  Buffer.from(hkdfSync('sha256', keySecrets[0].secret, '', 'introzy sessions', 32)).toString('base64url');
