import { z } from 'zod';

/** An address as numbers: 4 numbers of 8 bits for IPv4, or 8 numbers of 16 bits for IPv6. */
interface Numbers {
  groups: number[];
  bits: 8 | 16;
}

/** An address and the number of its bits, from the left, that a block shares. */
interface Block extends Numbers {
  prefix: number;
}

const IPv4 = z.ipv4();
const IPv6 = z.ipv6();
const hexadecimal = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));

function parseAddress(text: string): Numbers | undefined {
  const isV6 = text.includes(':');
  if (!(isV6 ? IPv6 : IPv4).safeParse(text).success) return undefined;
  if (!isV6) return { bits: 8, groups: text.split('.').map(Number) };
  // The URL parser writes every address in a single form, without IPv4's dots: `::ffff:1.2.3.4` → `::ffff:102:304`.
  const [head = '', tail = ''] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::');
  const [before, after] = [hexadecimal(head), hexadecimal(tail)];
  const zeros = Array<number>(8 - before.length - after.length).fill(0);
  return { bits: 16, groups: [...before, ...zeros, ...after] };
}

/** The 4 bytes at the end of an IPv6 address. */
const lastBytes = (groups: number[]) => groups.slice(6).flatMap((group) => [group >> 8, group & 0xff]);

/** Whether `groups` begins with `length` zeros. */
const hasZeros = (groups: number[], length: number) => groups.slice(0, length).every((group) => group === 0);

/** A block of IPv4-mapped IPv6 addresses as a block of IPv4: `::ffff:10.0.0.0/104` → `10.0.0.0/8`. */
function unmap({ groups, bits, prefix }: Block): Block {
  const isMapped = bits === 16 && prefix >= 96 && hasZeros(groups, 5) && groups[5] === 0xffff;
  return isMapped ? { groups: lastBytes(groups), bits: 8, prefix: prefix - 96 } : { groups, bits, prefix };
}

/** The first address of a block: all bits after the prefix are 0. */
const networkOf = ({ groups, bits, prefix }: Block): number[] =>
  groups.map((group, index) => {
    const free = bits - Math.min(Math.max(prefix - index * bits, 0), bits);
    return (group >> free) << free;
  });

/** Writes an address as PostgreSQL does, which writes `::1.2.3.4` with dots. */
function writeAddress({ groups, bits }: Numbers): string {
  if (bits === 8) return groups.join('.');
  if (hasZeros(groups, 6) && groups[6] !== 0) return `::${lastBytes(groups).join('.')}`;
  return new URL(`http://[${groups.map((group) => group.toString(16)).join(':')}]`).hostname.slice(1, -1);
}

const toBlock = ({ groups, bits }: Numbers, prefix = groups.length * bits) => unmap({ groups, bits, prefix });

/**
 * Reads an address that is written in any form. An IPv4-mapped IPv6 address is an IPv4 address: `::ffff:1.2.3.4` →
 * `1.2.3.4`. `undefined` for a text that is no address, or names a zone.
 */
export function readAddress(text: string): Numbers | undefined {
  const address = parseAddress(text);
  return address && toBlock(address);
}

/** The one form of an address, which `readAddress` reads: `2001:DB8:0::1` → `2001:db8::1`. Else `undefined`. */
export function canonicalAddress(text: string): string | undefined {
  const address = readAddress(text);
  return address && writeAddress(address);
}

const NO_BLOCK = 'Must be an IPv4 or IPv6 address, or a block such as 203.0.113.0/24 or 2001:db8::/32';
const WRITTEN = /^([^/]*)(?:\/(0|[1-9]\d{0,2}))?$/;

/** The block's form in PostgreSQL's `cidr`, or the reason why `text` is no block. */
function readBlock(text: string): { block: string } | { message: string } {
  const [, host = '', prefix] = WRITTEN.exec(text) ?? [];
  const address = parseAddress(host);
  if (!address) return { message: NO_BLOCK };
  const { groups, bits } = address;
  if (Number(prefix ?? 0) > groups.length * bits) {
    return { message: `Must have a prefix of 0 to ${groups.length * bits} bits` };
  }
  const block = toBlock(address, prefix === undefined ? undefined : Number(prefix));
  const network = networkOf(block);
  const canonical = `${writeAddress({ ...block, groups: network })}/${block.prefix}`;
  if (network.every((group, index) => group === block.groups[index])) return { block: canonical };
  const single = writeAddress(block);
  return { message: `${text} is not the beginning of a block: write ${canonical}, or ${single} for the one address` };
}

/**
 * A block of addresses, in CIDR notation, or a single address: `203.0.113.7` → `203.0.113.7/32`. The output is in the
 * form that PostgreSQL's type `cidr` has.
 */
export const CidrBlock = z
  .string()
  .trim()
  .meta({ examples: ['203.0.113.0/24', '2001:db8::/32', '198.51.100.7'] })
  .transform((text, context) => {
    const read = readBlock(text);
    if ('block' in read) return read.block;
    context.addIssue(read.message);
    return z.NEVER;
  });
export type CidrBlock = z.infer<typeof CidrBlock>;

/** The most blocks from which a key may be used. */
const MOST_BLOCKS = 50;

/** The blocks among `texts` in the form of `CidrBlock`, each once, at most as many as a key may have. */
export function proposeBlocks(texts: readonly string[]): CidrBlock[] {
  const read = texts.map(readBlock).flatMap((found) => ('block' in found ? [found.block] : []));
  return [...new Set(read)].slice(0, MOST_BLOCKS);
}

/** The blocks from which a key may be used, without repetitions. */
export const AllowedAddresses = z
  .array(CidrBlock)
  .max(MOST_BLOCKS, `Must be at most ${MOST_BLOCKS} blocks`)
  .overwrite((blocks) => [...new Set(blocks)]);
export type AllowedAddresses = z.infer<typeof AllowedAddresses>;
