import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { COMPRESSIBLE_CONTENT_TYPE_REGEX as COMPRESSIBLE } from 'hono/compress';
import { parseAccept } from 'hono/utils/accept';

/** Bytes of an answer up to which gzip saves next to nothing. */
const THRESHOLD = 1_024;

const compress = promisify(gzip);

/**
 * True where an `Accept-Encoding` header (RFC 9110, section 12.5.3) takes gzip, and does not prefer an answer as it is:
 * `gzip`, `br, *;q=0.5`; not `gzip;q=0`, nor `identity, gzip;q=0.5`.
 */
export function acceptsGzip(header: string | null): boolean {
  if (header === null || !/gzip|\*/i.test(header)) return false;
  const weights = new Map(parseAccept(header).map(({ type, q }) => [type.toLowerCase(), q]));
  const weight = weights.get('gzip') ?? weights.get('x-gzip') ?? weights.get('*') ?? 0;
  return weight > 0 && weight >= (weights.get('identity') ?? 0);
}

/**
 * The answer, compressed where that is worthwhile. The bytes are other bytes than those of the strong entity tag, which
 * becomes weak. A stream stays as it is.
 */
export async function gzipped(answer: Response): Promise<Response> {
  const { status, headers } = answer;
  const isStream = headers.has('transfer-encoding');
  if (answer.body === null || isStream || headers.has('content-encoding')) return answer;
  if (!COMPRESSIBLE.test(headers.get('content-type') ?? '')) return answer;
  const bytes = new Uint8Array(await answer.arrayBuffer());
  if (bytes.length <= THRESHOLD) return new Response(bytes, { status, headers });
  const etag = headers.get('etag');
  if (etag?.startsWith('"')) headers.set('ETag', `W/${etag}`);
  headers.set('Content-Encoding', 'gzip');
  headers.delete('Content-Length');
  return new Response(await compress(bytes), { status, headers });
}
