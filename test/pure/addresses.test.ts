import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AllowedAddresses, CidrBlock, canonicalAddress } from '../../shared/addresses.ts';
import { issuesOf } from '../../shared/errors.ts';

/** The block in canonical form, or the message of the refusal. */
const read = (text: string) => {
  const { success, data, error } = CidrBlock.safeParse(text);
  return success ? data : issuesOf(error).map(({ message }) => message);
};

test.each([
  ['203.0.113.7', '203.0.113.7/32'],
  ['203.0.113.0/24', '203.0.113.0/24'],
  [' 203.0.113.0/24\n', '203.0.113.0/24'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['255.255.255.254/31', '255.255.255.254/31'],
  ['10.128.0.0/9', '10.128.0.0/9'],
  ['2001:DB8::1', '2001:db8::1/128'],
  ['2001:0db8:0000:0000:0001:0000:0000:0000/80', '2001:db8:0:0:1::/80'],
  ['2001:db8::/32', '2001:db8::/32'],
  ['::/0', '::/0'],
  ['::1', '::1/128'],
  ['::1.2.3.4', '::1.2.3.4/128'],
  ['64:ff9b::1.2.3.4', '64:ff9b::102:304/128'],
  ['::ffff:10.0.0.0/104', '10.0.0.0/8'],
  ['::FFFF:0a00:0001', '10.0.0.1/32'],
  ['::ffff:0:0/96', '0.0.0.0/0'],
  ['fe80::/10', 'fe80::/10'],
])('The block %j is kept as %s', (written, kept) => {
  expect(read(written)).toBe(kept);
});

test.each([
  ['10.0.0.5/8', '10.0.0.0/8', '10.0.0.5'],
  ['255.255.255.255/0', '0.0.0.0/0', '255.255.255.255'],
  ['192.168.1.1/31', '192.168.1.0/31', '192.168.1.1'],
  ['2001:db8::1/32', '2001:db8::/32', '2001:db8::1'],
  ['2001:db8:ffff::/33', '2001:db8:8000::/33', '2001:db8:ffff::'],
  ['::ffff:10.0.0.5/104', '10.0.0.0/8', '10.0.0.5'],
])('%s is refused, with the block that was meant', (written, block, single) => {
  const message = `${written} is not the beginning of a block: write ${block}, or ${single} for the one address`;
  expect(read(written)).toEqual([message]);
  expect([read(block), read(single)]).not.toContainEqual([expect.anything()]);
});

test.each([
  ['1.2.3.4/33', 'Must have a prefix of 0 to 32 bits'],
  ['::1/129', 'Must have a prefix of 0 to 128 bits'],
  ...[
    ...['', '/', '/8', '10/8', '10.0.0/24', '1.2.3.4/', '1.2.3.4/08', '1.2.3.4/-1', '1.2.3.4/8/8', '1.2.3.4/1e1'],
    ...['1.2.3.4/255.0.0.0', '1.2.3.4:80', '01.2.3.4', '256.1.1.1', '0x7f.1', '1.2.3.4 /8', '１.2.3.4', 'localhost'],
    ...['[::1]', '[::1]:80', 'fe80::1%eth0', 'fe80::%1/10', '1::2::3', '::12345', ':', ':::', '1:2:3:4:5:6:7', '::/٣'],
    ...['1.2.3.4/1000', '::1/ 8', '::ffff:1.2.3.256', '*', 'any'],
  ].map((written) => [written, 'Must be an IPv4 or IPv6 address, or a block such as 203.0.113.0/24 or 2001:db8::/32']),
] as [string, string][])('%j is no block: %s', (written, message) => {
  expect(read(written)).toEqual([message]);
});

test('A list has 50 blocks at most, and no block twice', () => {
  expect(AllowedAddresses.parse([])).toEqual([]);
  expect(
    AllowedAddresses.parse(['10.0.0.0/8', '::ffff:10.0.0.0/104', '10.0.0.1', '10.0.0.0/8', '10.0.0.1/32']),
  ).toEqual(['10.0.0.0/8', '10.0.0.1/32']);
  const some = (count: number) => Array.from({ length: count }, (_, index) => `10.0.0.${index}`);
  expect(AllowedAddresses.parse(some(50))).toHaveLength(50);
  expect(issuesOf(AllowedAddresses.safeParse(some(51)).error as never)).toEqual([
    { path: [], message: 'Must be at most 50 blocks' },
  ]);
  expect(issuesOf(AllowedAddresses.safeParse(['10.0.0.0/8', 'x']).error as never)[0]?.path).toEqual([1]);
});

/** Addresses as BigInt, to judge by other means than the code's. */
const asNumber = (groups: number[]) => groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n);
const groupsOf6 = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), {
  minLength: 8,
  maxLength: 8,
});
const written6 = (groups: number[]) => groups.map((group) => group.toString(16)).join(':');
/** Reads a canonical address back. */
function numberOf(text: string): bigint {
  if (!text.includes(':')) return text.split('.').reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const plain = text.replace(
    /(\d+)\.(\d+)\.(\d+)\.(\d+)$/,
    (_, ...bytes: string[]) =>
      `${(Number(bytes[0]) * 256 + Number(bytes[1])).toString(16)}:${(Number(bytes[2]) * 256 + Number(bytes[3])).toString(16)}`,
  );
  const [head = '', tail] = plain.split('::');
  const groups = (part = '') => part.split(':').filter(Boolean);
  const zeros = tail === undefined ? [] : Array(8 - groups(head).length - groups(tail).length).fill('0');
  return asNumber([...groups(head), ...zeros, ...groups(tail)].map((group) => Number.parseInt(group, 16)));
}

test('Any block is kept with the same bits, and reads as itself again', () => {
  const v4 = fc.record({ groups: fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }), prefix: fc.nat(32) });
  fc.assert(
    fc.property(v4, ({ groups, prefix }) => {
      const address = groups.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
      expectBlock(`${groups.join('.')}/${prefix}`, { address, prefix, length: 32 });
    }),
  );
  const v6 = fc.record({ groups: groupsOf6, prefix: fc.nat(128) });
  fc.assert(
    fc.property(v6, ({ groups, prefix }) => {
      fc.pre(asNumber(groups) >> 32n !== 0xffffn);
      expectBlock(`${written6(groups)}/${prefix}`, { address: asNumber(groups), prefix, length: 128 });
    }),
    { numRuns: 500 },
  );
});

interface Expected {
  address: bigint;
  prefix: number;
  length: number;
}

/** Checks that `written` is the beginning of a block, or is refused with the block and the address that were meant. */
function expectBlock(written: string, { address, prefix, length }: Expected) {
  const free = BigInt(length - prefix);
  const network = (address >> free) << free;
  const kept = read(written);
  if (network !== address) {
    const [, block = '', single = ''] = /write (\S+), or (\S+) for the one address$/.exec(String(kept)) ?? [];
    expect(numberOf(single)).toBe(address);
    expect(numberOf(block.replace(/\/\d+$/, ''))).toBe(network);
    expect(read(block)).toBe(block);
    return;
  }
  expect(kept).toMatch(new RegExp(`/${prefix}$`));
  expect(numberOf(String(kept).replace(/\/\d+$/, ''))).toBe(address);
  expect(read(String(kept))).toBe(kept);
}

test('An address has the same canonical form however it is written', () => {
  fc.assert(
    fc.property(groupsOf6, (groups) => {
      const full = groups.map((group) => group.toString(16).padStart(4, '0')).join(':');
      const canonical = canonicalAddress(full);
      expect(canonicalAddress(full.toUpperCase())).toBe(canonical);
      expect(canonicalAddress(written6(groups))).toBe(canonical);
      expect(canonicalAddress(canonical as string)).toBe(canonical);
    }),
  );
});

test('No text breaks the reading of a block', () => {
  const character = fc.constantFrom(...'0123456789abcdefABCDEF.:/%[] ');
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: character })), (text) => {
      const kept = read(text);
      if (typeof kept === 'string') expect(read(kept)).toBe(kept);
    }),
    { numRuns: 1_000 },
  );
});
