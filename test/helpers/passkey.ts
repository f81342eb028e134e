import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import type { Browser } from './browser.ts';

/** What an authenticator says, and how it differs from a good one. */
interface Say {
  /** The device knew its person, by a fingerprint or the like. */
  isVerified?: boolean;
  origin?: string;
  host?: string;
  /** The number of uses so far, as the authenticator counts. */
  counter?: number;
}

/** A device that holds a passkey. */
export interface Device {
  id: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

export function newDevice(): Device {
  return { id: randomBytes(16).toString('base64url'), ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) };
}

const text = (value: string) => Buffer.from(value).toString('base64url');
const sha256 = (value: string | Buffer) => createHash('sha256').update(value).digest();
const clientData = (type: string, challenge: string, { origin = 'http://localhost' }: Say) =>
  text(JSON.stringify({ type, challenge, origin, crossOrigin: false }));

const PRESENT = 1;
const VERIFIED = 4;
const ATTESTED = 64;

/** Web Authentication, section 6.1: the hash of the host name, flags, and the counter. */
function authenticatorData({ isVerified = true, host = 'localhost', counter = 0 }: Say, attested?: Buffer) {
  const head = Buffer.alloc(5);
  head.writeUInt8(PRESENT | (isVerified ? VERIFIED : 0) | (attested ? ATTESTED : 0));
  head.writeUInt32BE(counter, 1);
  return Buffer.concat([sha256(host), head, attested ?? Buffer.alloc(0)]);
}

/** A map in CBOR (RFC 8949) of at most 23 entries, whose keys and values are in CBOR already. */
const cborMap = (...entries: [Buffer, Buffer][]) =>
  Buffer.concat([Buffer.of(0xa0 + entries.length), ...entries.flat()]);
const cborText = (value: string) => Buffer.concat([Buffer.of(0x60 + value.length), Buffer.from(value)]);
const cborBytes = (value: Buffer) =>
  Buffer.concat([
    value.length < 256 ? Buffer.of(0x58, value.length) : Buffer.of(0x59, value.length >> 8, value.length & 255),
    value,
  ]);
const cborInteger = (value: number) => Buffer.of(value < 0 ? 0x20 - value - 1 : value);

/** The public key as a COSE key (RFC 9053): an ECDSA key with SHA-256 on the curve P-256. */
function coseKey(publicKey: KeyObject): Buffer {
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  return cborMap(
    [cborInteger(1), cborInteger(2)],
    [cborInteger(3), cborInteger(-7)],
    [cborInteger(-1), cborInteger(1)],
    [cborInteger(-2), cborBytes(Buffer.from(x, 'base64url'))],
    [cborInteger(-3), cborBytes(Buffer.from(y, 'base64url'))],
  );
}

/** A device's answer to the options of a registration. */
export function attest({ id, publicKey }: Device, challenge: string, say: Say = {}) {
  const rawId = Buffer.from(id, 'base64url');
  const length = Buffer.of(rawId.length >> 8, rawId.length & 255);
  const attested = Buffer.concat([Buffer.alloc(16), length, rawId, coseKey(publicKey)]);
  const attestation = cborMap(
    [cborText('fmt'), cborText('none')],
    [cborText('attStmt'), cborMap()],
    [cborText('authData'), cborBytes(authenticatorData(say, attested))],
  );
  const response = {
    clientDataJSON: clientData('webauthn.create', challenge, say),
    attestationObject: attestation.toString('base64url'),
    transports: ['internal', 'hybrid'],
  };
  return { id, rawId: id, type: 'public-key', response };
}

/** A device's answer to the options of a sign-in. */
export function assert({ id, privateKey }: Device, challenge: string, say: Say = {}) {
  const data = authenticatorData(say);
  const clientDataJSON = clientData('webauthn.get', challenge, say);
  const signed = Buffer.concat([data, sha256(Buffer.from(clientDataJSON, 'base64url'))]);
  const response = {
    clientDataJSON,
    authenticatorData: data.toString('base64url'),
    signature: sign('sha256', signed, privateKey).toString('base64url'),
  };
  return { id, rawId: id, type: 'public-key', response };
}

/** Asks for the options of a registration, and answers them. */
export async function addPasskey(
  browser: Browser,
  device = newDevice(),
  { name = 'Phone', ...say }: Say & { name?: unknown } = {},
) {
  const begun = await browser.call('GET', '/api/auth/passkey/generate-register-options');
  if (begun.status !== 200) return begun;
  const response = attest(device, begun.body.challenge, say);
  return await browser.account('/passkey/verify-registration', { name, response });
}

/** Asks for the options of a sign-in, and answers them. */
export async function signInBy(browser: Browser, device: Device, say: Say = {}) {
  const begun = await browser.call('GET', '/api/auth/passkey/generate-authenticate-options');
  if (begun.status !== 200) return begun;
  const response = assert(device, begun.body.challenge, say);
  return await browser.account('/passkey/verify-authentication', { response });
}
