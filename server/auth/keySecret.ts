import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { checksumOf, hintOf, KEY_PREFIX } from '../../shared/keyFormat.ts';

/** A server secret. The database keeps the HMAC-SHA-256 of a key under a server secret, never the key. */
export interface KeySecret {
  /** Kept beside each digest, so that a new secret can replace an old secret whose keys still work. */
  id: string;
  secret: KeyObject;
}
/** Newest first: the first secret mints, all secrets verify. */
export type KeySecrets = readonly [KeySecret, ...KeySecret[]];

/** A new key, and the parts of the key that the database keeps. */
export interface MintedKey {
  /** Shown once; the database keeps only the digest. */
  key: string;
  hint: string;
  digest: Buffer;
  secretId: string;
}

/** Mints a key: the prefix, 28 bytes from the CSPRNG in hexadecimal, then the CRC-32 of the hexadecimal text. */
export function mintKey(secrets: KeySecrets): MintedKey {
  const random = randomBytes(28).toString('hex');
  const key = `${KEY_PREFIX}${random}${checksumOf(random)}`;
  return { key, hint: hintOf(key), digest: digestOf(key, secrets[0]), secretId: secrets[0].id };
}

/** The digests of a key under each secret, in the order of `secrets`. The database may know the key by any digest. */
export const digestsOf = (key: string, secrets: KeySecrets) => secrets.map((secret) => digestOf(key, secret));

const digestOf = (key: string, { secret }: KeySecret) => createHmac('sha256', secret).update(key).digest();

/** Bytes of a generated server secret, and the least bytes of any server secret. */
const SECRET_BYTES = 32;

/** Reads `id:secret[,id:secret…]`, the secrets in base64url. Throws an `Error` that names the entry and its fault. */
export function parseKeySecrets(text: string): KeySecrets {
  const secrets = text.split(',').map((entry, index) => {
    const where = `entry ${index + 1}`;
    const [, id, secret] = /^\s*([\w-]{1,64}):([\w-]+)=*\s*$/.exec(entry) ?? [];
    if (id === undefined || secret === undefined) {
      throw new Error(`${where} is not of the form id:secret, with the secret in base64url`);
    }
    const bytes = Buffer.from(secret, 'base64url');
    if (bytes.length < SECRET_BYTES) {
      // The id is not repeated: where a person writes `secret:id`, the id is the secret.
      throw new Error(`the secret of ${where} has ${bytes.length} bytes, and must have ${SECRET_BYTES} or more`);
    }
    return { id, secret: createSecretKey(bytes) };
  });
  const again = secrets.findIndex(({ id }, index) => secrets.findIndex((other) => other.id === id) !== index);
  if (again !== -1) throw new Error(`the id of entry ${again + 1} is given twice`);
  return secrets as unknown as KeySecrets;
}

/** Makes a new secret in the form that `parseKeySecrets` reads: `1a2b3c4d:…`. */
export const generateKeySecret = () =>
  `${randomBytes(4).toString('hex')}:${randomBytes(SECRET_BYTES).toString('base64url')}`;
