import { randomBytes } from 'node:crypto';
import { checksumOf } from '../../shared/keyFormat.ts';

const newRandom = () => randomBytes(28).toString('hex');

/** A key of nobody: of the form, and with the right checksum. */
export function newKey() {
  const random = newRandom();
  return `introzy_${random}${checksumOf(random)}`;
}

/** A text of a key's form, with a checksum that is wrong in its last character. */
export function wrongKey() {
  const key = newKey();
  return `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`;
}
