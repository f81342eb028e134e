import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { KeySecret, KeySecrets } from './keySecret.ts';

/** Bytes: what NIST SP 800-38D recommends for GCM, and the whole tag. */
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Encrypts a text that the service must read again, such as the seed of a second factor, with AES-256-GCM under the
 * first server secret. Gives `id:…`: the secret's id, and the IV, the ciphertext and the tag in base64url.
 *
 * `purpose` names the text's place, such as `two_factors.secret`. A sealed text that was moved to another place cannot
 * be opened there.
 */
export function sealText(keySecrets: KeySecrets, text: string, purpose: string): string {
  const [secret] = keySecrets;
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', encryptionKeyOf(secret), iv).setAAD(Buffer.from(purpose));
  const sealed = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return `${secret.id}:${sealed.toString('base64url')}`;
}

/**
 * Decrypts what `sealText` gave for the same `purpose`. Throws an `Error` where the text was sealed under a server secret
 * that is no longer given, or was changed, or was sealed for another purpose. The error names no part of the text.
 */
export function openText(keySecrets: KeySecrets, sealed: string, purpose: string): string {
  const id = sealerOf(sealed);
  const secret = keySecrets.find((some) => some.id === id);
  if (id === undefined) throw new Error(`A text of ${purpose} is not sealed: its form is not id:base64url`);
  if (!secret) {
    throw new Error(
      `A text of ${purpose} is sealed under the server secret "${id}", which INTROZY_KEY_SECRETS does not have: put the secret back`,
    );
  }
  const bytes = Buffer.from(sealed.slice(id.length + 1), 'base64url');
  try {
    const decipher = createDecipheriv('aes-256-gcm', encryptionKeyOf(secret), bytes.subarray(0, IV_BYTES), {
      authTagLength: TAG_BYTES,
    })
      .setAAD(Buffer.from(purpose))
      .setAuthTag(bytes.subarray(-TAG_BYTES));
    return decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
  } catch {
    throw new Error(
      `A text of ${purpose} cannot be opened under the server secret "${id}": the text was changed, is another column's, or the secret is another secret of the same id`,
    );
  }
}

/** The id of the server secret under which a text was sealed; `undefined` where the text is not sealed. */
export const sealerOf = (sealed: string) => /^([\w-]{1,64}):[\w-]{38,}$/.exec(sealed)?.[1];

const encryptionKeyOf = ({ secret }: KeySecret) =>
  Buffer.from(hkdfSync('sha256', secret, '', 'introzy sealed texts', 32));
