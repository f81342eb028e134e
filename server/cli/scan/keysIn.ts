import { findKeys, hintOf, KEY_PREFIX } from '../../../shared/keyFormat.ts';

/** A key in a file. */
export interface KeyOnLine {
  /** From 1. */
  line: number;
  hint: string;
}

const NULS = '\\0{0,3}';
/** Matches a key in UTF-8, UTF-16 or UTF-32: between two characters of the key are 0, 1 or 3 NULs. */
const KEY_IN_BYTES = new RegExp(`${[...KEY_PREFIX].join(NULS)}(?:${NULS}[0-9a-f]){64}`, 'g');
/** The most bytes of a key: 72 characters, with 3 NULs between each two. */
const LONGEST = 72 * 4;

/** Finds the keys in a stream of bytes, of which no more than a chunk is in memory. */
export async function* keysIn(chunks: AsyncIterable<Buffer>): AsyncGenerator<KeyOnLine> {
  let line = 1;
  let isLineEnd: LineEnd | undefined;
  // Begins at an even place of the stream, as the characters of UTF-16 do.
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = Buffer.concat([rest, chunk]);
    isLineEnd ??= lineEndOf(bytes);
    let counted = 0;
    let end = 0;
    for (const { 0: match, index } of bytes.toString('latin1').matchAll(KEY_IN_BYTES)) {
      end = index + match.length;
      const [found] = findKeys(match.replaceAll('\0', ''));
      if (!found) continue;
      line += countLines(bytes.subarray(0, index + 1), { from: counted, isLineEnd });
      counted = index;
      yield { line, hint: hintOf(found) };
    }
    const keepFrom = Math.max(end, bytes.length - LONGEST, 0) & ~1;
    line += countLines(bytes.subarray(0, keepFrom), { from: counted, isLineEnd });
    rest = bytes.subarray(keepFrom);
  }
}

/** True where the byte 10 at a place ends a line. In UTF-16 the byte is also a half of other characters. */
type LineEnd = (bytes: Buffer, at: number) => boolean;

function countLines(bytes: Buffer, { from, isLineEnd }: { from: number; isLineEnd: LineEnd }): number {
  let count = 0;
  for (let at = bytes.indexOf(10, from); at >= 0; at = bytes.indexOf(10, at + 1)) if (isLineEnd(bytes, at)) count++;
  return count;
}

/** Tells UTF-16 by its byte order mark, or by the NULs of its ASCII characters, which stand at every second place. */
function lineEndOf(bytes: Buffer): LineEnd {
  const sample = bytes.subarray(0, 4096);
  const nuls = [0, 0] as [number, number];
  sample.forEach((byte, at) => {
    if (byte === 0) nuls[(at % 2) as 0 | 1]++;
  });
  const [even, odd] = nuls;
  const many = sample.length / 8;
  if (sample.indexOf('\u00ff\u00fe', 0, 'latin1') === 0 || (odd > many && odd > 4 * even)) {
    return (some, at) => at % 2 === 0 && some[at + 1] === 0;
  }
  if (sample.indexOf('\u00fe\u00ff', 0, 'latin1') === 0 || (even > many && even > 4 * odd)) {
    return (some, at) => at % 2 === 1 && some[at - 1] === 0;
  }
  return () => true;
}
