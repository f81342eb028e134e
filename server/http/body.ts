import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { TRPCError } from '@trpc/server';
import { parseExact } from '../../shared/exactJson.ts';
import { isDeeperThan, JSON_DEPTH } from '../../shared/jsonDepth.ts';
import { badRequest, fault } from './errors.ts';

/** Bytes that a request's body may have, as sent and as inflated. */
export const BODY_LIMIT = 1_048_576;

/** Throws 415 unless the body is JSON in UTF-8. No HTML form can send the content type of JSON. */
export function requireJson(headers: Headers) {
  const [type, ...parameters] = (headers.get('content-type') ?? '').toLowerCase().split(';');
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith('charset='));
  const isUtf8 = charset === undefined || /^charset="?utf-?8"?$/.test(charset);
  if (type?.trim() !== 'application/json' || !isUtf8) throw fault('UNSUPPORTED_MEDIA_TYPE');
}

/**
 * Reads a body as text, and inflates a body with `Content-Encoding: gzip`. Throws 413 above `BODY_LIMIT` bytes, 415 for
 * another encoding, 400 for a body that is not UTF-8 or breaks off.
 */
export async function readText(request: Request): Promise<string> {
  const isGzip = readEncoding(request.headers) === 'gzip';
  const length = request.headers.get('content-length');
  if (Number(length ?? 0) > BODY_LIMIT) throw fault('PAYLOAD_TOO_LARGE');
  let bytes: Uint8Array;
  try {
    // HTTP holds a body to its Content-Length. To read a body without the length in parts costs several times more.
    bytes = length === null ? await readParts(request) : new Uint8Array(await request.arrayBuffer());
  } catch (error) {
    if (error instanceof TRPCError) throw error;
    throw badRequest('The request broke off before its end');
  }
  if (bytes.length > BODY_LIMIT) throw fault('PAYLOAD_TOO_LARGE');
  // Some clients name an encoding in requests without a body too.
  if (isGzip && bytes.length > 0) bytes = await inflateBody(bytes);
  try {
    return utf8.decode(bytes);
  } catch {
    throw badRequest('The body is not UTF-8');
  }
}

/** Throws 415, with the encodings that a body may have (RFC 7694), for any other. */
function readEncoding(headers: Headers): 'gzip' | 'identity' {
  const encodings = (headers.get('content-encoding') ?? '')
    .toLowerCase()
    .split(',')
    .map((encoding) => encoding.trim())
    .filter((encoding) => encoding !== '' && encoding !== 'identity');
  if (encodings.length === 0) return 'identity';
  if (encodings.length === 1 && /^(x-)?gzip$/.test(encodings[0] as string)) return 'gzip';
  throw fault('UNSUPPORTED_MEDIA_TYPE', {
    message: 'Send the body as it is, or compressed with gzip once',
    headers: { 'Accept-Encoding': 'gzip' },
  });
}

const inflate = promisify(gunzip);

/** Inflates at most `BODY_LIMIT` bytes: of a larger body, nothing beyond is inflated. */
async function inflateBody(bytes: Uint8Array): Promise<Uint8Array> {
  try {
    return await inflate(bytes, { maxOutputLength: BODY_LIMIT });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw fault('PAYLOAD_TOO_LARGE');
    throw badRequest('The body is not what gzip writes, as Content-Encoding says');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

async function readParts(request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > BODY_LIMIT) throw fault('PAYLOAD_TOO_LARGE');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Reads a body as JSON, as `parseExact` does; `undefined` where there is no body. */
export async function readJson(request: Request): Promise<unknown> {
  const hasType = request.headers.has('content-type');
  if (hasType) requireJson(request.headers);
  const text = await readText(request);
  if (text === '') return undefined;
  if (!hasType) throw fault('UNSUPPORTED_MEDIA_TYPE');
  let value: unknown;
  try {
    value = parseExact(text);
  } catch {
    throw badRequest('The body is not valid JSON');
  }
  refuseDeep(value);
  return value;
}

/** Throws 400 where JSON nests deeper than `JSON_DEPTH`. */
export function refuseDeep(value: unknown) {
  if (isDeeperThan(value, JSON_DEPTH)) throw badRequest(`The body nests deeper than ${JSON_DEPTH}`);
}
