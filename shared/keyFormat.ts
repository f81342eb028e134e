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
/** Matches the form of a key anywhere in a text: the 56 random characters, then the 8 of the checksum. */
const FORM_ANYWHERE = new RegExp(`${KEY_PREFIX}([0-9a-f]{56})([0-9a-f]{8})`, 'g');
/** True where a part of `text` has the form of a key. The checksum is not verified. */
export const holdsKeyForm = (text: string) => text.includes(KEY_PREFIX) && text.search(FORM_ANYWHERE) >= 0;

/**
 * Finds the keys in a text, also in the middle of other text. The checksum tells a real key from noise: a text of the
 * form alone is no key. The time grows with the text's length, and no faster.
 */
export function findKeys(text: string): string[] {
  if (!text.includes(KEY_PREFIX)) return [];
  return [...text.matchAll(FORM_ANYWHERE)]
    .filter(([, random = '', checksum]) => checksumOf(random) === checksum)
    .map(([key]) => key);
}

/** Decodes percent-encoded ASCII characters: `introzy%5F1a2b3c4d…` → `introzy_1a2b3c4d…`. */
export const decodePercent = (text: string) =>
  text.replace(/%([2-7][0-9a-f])/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));

/** The remainders of the CRC-32 (ISO 3309, reflected polynomial) of each byte. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  return remainder;
});

/** The last 8 characters of a key: the CRC-32 of its 56 random characters. `random` must be ASCII. */
export function checksumOf(random: string): string {
  let crc = 0xffffffff;
  for (let i = 0; i < random.length; i++) {
    crc = (CRC_TABLE[(crc ^ random.charCodeAt(i)) & 0xff] as number) ^ (crc >>> 8);
  }
  return (~crc >>> 0).toString(16).padStart(8, '0');
}

/** The part of a key that may be shown: the first 8 hexadecimal characters, such as `1a2b3c4d`. */
export const hintOf = (key: string) => key.slice(KEY_PREFIX.length, KEY_PREFIX.length + 8);

/** Days until a key expires. */
export const EXPIRY_DAYS = { least: 30, default: 90, most: 365 } as const;
/** Hours that an older secret keeps working after a rotation. */
export const GRACE_HOURS = { default: 24, most: 168 } as const;
/** The most active keys of an organization. */
export const MOST_KEYS = 1_000;
/** Minutes until a token expires. */
export const TOKEN_MINUTES = { least: 5, most: 1_440 } as const;
/** The most tokens of a key that work at the same time. */
export const MOST_TOKENS = 100;
