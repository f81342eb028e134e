import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { hintOf, KEY_PREFIX } from '../../shared/keyFormat.ts';

/** A server secret: keys are kept as HMACs under it. */
export interface KeySecret {
  /** Kept beside each digest, so that a secret can be replaced while keys made under it still work. */
  id: string;
  secret: KeyObject;
}
/** Newest first: the first one mints, all verify. */
export type KeySecrets = readonly [KeySecret, ...KeySecret[]];

/** A key as it is minted. */
export interface MintedKey {
  /** Shown once; only its digest is kept. */
  key: string;
  hint: string;
  digest: Buffer;
  secretId: string;
}

/** Mints a key: 28 bytes from the CSPRNG in hexadecimal, then the CRC-32 of that text. */
export function mintKey(secrets: KeySecrets): MintedKey {
  const random = randomBytes(28).toString('hex');
  const key = `${KEY_PREFIX}${random}${checksumOf(random)}`;
  return { key, hint: hintOf(key), digest: digestOf(key, secrets[0]), secretId: secrets[0].id };
}

/** The last 8 characters of a key: CRC-32 (ISO 3309) of its 56 random ones. Only secret scanners look at it. */
export const checksumOf = (random: string) => crc32(random).toString(16).padStart(8, '0');

/** What the database may know a key by: its digest under each secret, in their order. */
export const digestsOf = (key: string, secrets: KeySecrets) => secrets.map((secret) => digestOf(key, secret));

const digestOf = (key: string, { secret }: KeySecret) => createHmac('sha256', secret).update(key).digest();

const SECRET_BYTES = 32;

/** Reads `id:secret[,id:secret…]`. Throws an error that says what is wrong, without repeating a secret. */
export function parseKeySecrets(text: string): KeySecrets {
  const secrets = text.split(',').map((entry, index) => {
    const where = `entry ${index + 1}`;
    const [, id, secret] = /^\s*([\w-]{1,64}):([\w-]+)=*\s*$/.exec(entry) ?? [];
    if (id === undefined || secret === undefined) {
      throw new Error(`${where} is not of the form id:secret, with the secret in base64url`);
    }
    const bytes = Buffer.from(secret, 'base64url');
    if (bytes.length < SECRET_BYTES) {
      throw new Error(
        `the secret of ${where} ("${id}") has ${bytes.length} bytes, and must have ${SECRET_BYTES} or more`,
      );
    }
    return { id, secret: createSecretKey(bytes) };
  });
  const twice = secrets.find(({ id }, index) => secrets.findIndex((other) => other.id === id) !== index);
  if (twice) throw new Error(`the id "${twice.id}" is given twice`);
  return secrets as unknown as KeySecrets;
}

/** A new secret in the form that `parseKeySecrets` reads. */
export const generateKeySecret = () =>
  `${randomBytes(4).toString('hex')}:${randomBytes(SECRET_BYTES).toString('base64url')}`;
