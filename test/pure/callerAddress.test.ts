import fc from 'fast-check';
import { expect, test } from 'vitest';
import { callerAddress } from '../../server/auth/address.ts';

const PROXY = '10.0.0.1';
const through = (forwardedFor: string | null) => callerAddress({ peer: PROXY, forwardedFor });

test.each([
  ['203.0.113.9', '203.0.113.9'],
  ['198.51.100.1, 203.0.113.9', '203.0.113.9'],
  ['198.51.100.1,203.0.113.9', '203.0.113.9'],
  ['unknown,\t 203.0.113.9 \t', '203.0.113.9'],
  ['203.0.113.9:56', '203.0.113.9'],
  ['"203.0.113.9:56"', '203.0.113.9'],
  ['" 203.0.113.9 "', '203.0.113.9'],
  ['[2001:db8::1]:443', '2001:db8::1'],
  ['[2001:db8::1]', '2001:db8::1'],
  ['"[2001:DB8:0:0::1]:65535"', '2001:db8::1'],
  ['2001:db8::1', '2001:db8::1'],
  // Without brackets the last group is a group, not a port.
  ['2001:db8::1:443', '2001:db8::1:443'],
  ['::ffff:203.0.113.9', '203.0.113.9'],
  ['::ffff:cb00:7109', '203.0.113.9'],
  ['[::FFFF:203.0.113.9]:80', '203.0.113.9'],
  ['fe80::1%eth0', 'fe80::1'],
  ['[fe80::1%25eth0]:443', 'fe80::1'],
  ['::1', '::1'],
])('X-Forwarded-For: %s is the caller %s', (header, address) => {
  expect(through(header)).toBe(address);
});

test.each([
  ...['unknown', '_hidden', '"unknown"', '203.0.113.9, unknown', '203.0.113.9,', '203.0.113.9, ', ',', '""'],
  ...['203.0.113.9:', '203.0.113.9:99999', '203.0.113.9:http', '203.0.113.9:80:80', '203.0.113.256', '203.0.113'],
  ...['[203.0.113.9]', '[203.0.113.9]:80', '[2001:db8::1', '2001:db8::1]', '[2001:db8::1]443', '[2001:db8::1]:70000'],
  ...['[]', '[]:80', '203.0.113.9%eth0', '203.0.113.9/32', '2001:db8::1/64', 'fe80::1%', 'proxy.example.com'],
  ...['for=203.0.113.9', 'unix:', '203.0.113.9 198.51.100.1', `${'1'.repeat(5_000)}`],
])('X-Forwarded-For: %s is no caller that is known', (header) => {
  expect(through(header)).toBeUndefined();
});

test.each([null, '', '  '])('Without an entry (%j) the caller is the peer', (header) => {
  expect(through(header)).toBe(PROXY);
  expect(callerAddress({ peer: '::ffff:203.0.113.9', forwardedFor: header })).toBe('203.0.113.9');
  expect(callerAddress({ peer: 'fe80::1%eth0', forwardedFor: header })).toBe('fe80::1');
  expect(callerAddress({ peer: undefined, forwardedFor: header })).toBeUndefined();
});

test('Whatever a caller sends before, the entry of the proxy decides', () => {
  const ours = fc.oneof(fc.ipV4(), fc.ipV6());
  const port = fc.option(fc.integer({ min: 0, max: 65_535 }), { nil: undefined });
  fc.assert(
    fc.property(fc.string(), ours, port, (sent, address, at) => {
      const bare = through(address);
      expect(bare).toBeDefined();
      const inBrackets = address.includes(':') ? `[${address}]` : address;
      const entry = at === undefined ? address : `${inBrackets}:${at}`;
      expect(through(`${sent}, ${entry}`)).toBe(bare);
      expect(through(`${sent},"${entry}"`)).toBe(bare);
      expect(through(bare as string)).toBe(bare);
    }),
    { numRuns: 500 },
  );
});
