/** `introzy_`, 56 random hexadecimal characters (224 bits), then the CRC-32 of those 56 as 8 more. */
export const KEY_PREFIX = 'introzy_';
const KEY_PATTERN = new RegExp(`^${KEY_PREFIX}[0-9a-f]{64}$`);
/** Anything that looks like a key or the start of one, wherever it stands: for redaction. */
export const KEY_ANYWHERE = new RegExp(`${KEY_PREFIX}[0-9A-Za-z]+`, 'g');

/** `text` without keys in it: people put them where they do not belong, whole or with a spoilt prefix. */
export const redactKeys = (text: string) =>
  text.replace(KEY_ANYWHERE, `${KEY_PREFIX}…`).replace(/[0-9a-f]{24,}/gi, '…');

/** True where `text` has the form of a key. Whether it is one, only a stored digest decides: not the checksum. */
export const isKey = (text: string) => KEY_PATTERN.test(text);
/** The part of a key that may be shown: its first 8 hexadecimal characters. */
export const hintOf = (key: string) => key.slice(KEY_PREFIX.length, KEY_PREFIX.length + 8);

/** Days until a key expires, and hours that a rotated-out secret goes on working. */
export const EXPIRY_DAYS = { least: 30, default: 90, most: 365 } as const;
export const GRACE_HOURS = { default: 24, most: 168 } as const;
