/**
 * A key is `introzy_`, 56 random hexadecimal characters (224 bits), and their CRC-32 as 8 more: `introzy_1a2b3c4d…`.
 */
export const KEY_PREFIX = 'introzy_';
const KEY_PATTERN = new RegExp(`^${KEY_PREFIX}[0-9a-f]{64}$`);
/** Matches keys and beginnings of keys anywhere in a text, for redaction. */
export const KEY_ANYWHERE = new RegExp(`${KEY_PREFIX}[0-9A-Za-z]+`, 'g');

/** Redacts keys in `text`. People paste keys where no key belongs, sometimes with a damaged prefix. */
export const redactKeys = (text: string) =>
  text.replace(KEY_ANYWHERE, `${KEY_PREFIX}…`).replace(/[0-9a-f]{24,}/gi, '…');

/** True where `text` has the form of a key. The checksum is not verified: only a stored digest decides about a key. */
export const isKey = (text: string) => KEY_PATTERN.test(text);
/** The part of a key that may be shown: the first 8 hexadecimal characters, such as `1a2b3c4d`. */
export const hintOf = (key: string) => key.slice(KEY_PREFIX.length, KEY_PREFIX.length + 8);

/** Days until a key expires. */
export const EXPIRY_DAYS = { least: 30, default: 90, most: 365 } as const;
/** Hours that an older secret keeps working after a rotation. */
export const GRACE_HOURS = { default: 24, most: 168 } as const;
