import { expect, test } from 'vitest';
import { parseKeySecrets } from '../../server/auth/keySecret.ts';
import { openText, sealerOf, sealText } from '../../server/auth/sealedText.ts';

const secret = (letter: string) => letter.repeat(43);
const old = parseKeySecrets(`old:${secret('A')}`);
const both = parseKeySecrets(`new:${secret('B')},old:${secret('A')}`);

test.each(['', 'JBSWY3DPEHPK3PXP', 'čšž 🙂 漢字', 'x'.repeat(100_000)])('A sealed text opens again', (text) => {
  const sealed = sealText(old, text, 'a.column');
  expect(sealed).toMatch(/^old:[\w-]+$/);
  if (text !== '') expect(Buffer.from(sealed.slice(4), 'base64url').includes(text)).toBe(false);
  expect(sealed).not.toBe(sealText(old, text, 'a.column'));
  expect(openText(old, sealed, 'a.column')).toBe(text);
});

test('The first secret seals, and each secret opens what it sealed', () => {
  const before = sealText(old, 'a seed', 'a.column');
  expect(openText(both, before, 'a.column')).toBe('a seed');
  expect([sealerOf(before), sealerOf(sealText(both, 'a seed', 'a.column'))]).toEqual(['old', 'new']);
});

test('A text whose secret is gone says which secret is missing', () => {
  const sealed = sealText(both, 'a seed', 'a.column');
  expect(() => openText(old, sealed, 'a.column')).toThrow(
    'A text of a.column is sealed under the server secret "new", which INTROZY_KEY_SECRETS does not have: put the secret back',
  );
});

test('A text that was changed, moved, cut or sealed by another secret of the same id does not open', () => {
  const sealed = sealText(old, 'a seed', 'a.column');
  const bytes = Buffer.from(sealed.slice(4), 'base64url');
  const refused = [...bytes.keys()].map((at) => {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] as number) ^ 1;
    return `old:${changed.toString('base64url')}`;
  });
  refused.push(...[28, 29, bytes.length - 1].map((length) => `old:${bytes.subarray(0, length).toString('base64url')}`));
  for (const other of refused) expect(() => openText(old, other, 'a.column'), other).toThrow(/cannot be opened/);
  expect(() => openText(old, sealed, 'another.column')).toThrow(/cannot be opened/);
  expect(() => openText(parseKeySecrets(`old:${secret('C')}`), sealed, 'a.column')).toThrow(/cannot be opened/);
  for (const other of ['', 'a seed', 'old:', 'old:short', `:${bytes.toString('base64url')}`]) {
    expect(() => openText(old, other, 'a.column'), other).toThrow(/is not sealed/);
  }
});
