import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { ChainEntry, ChainItem, ChainSeal, ChainStart } from '../../db/auditChain.ts';
import { ERASED, hashEntry, hashSeal, type NameSalts, saltNames } from '../../db/auditHash.ts';
import { createVerifier, type SealMark } from '../../server/cli/audit/verifyChain.ts';

const organizationId = randomUUID();
const AT = new Date('2026-11-27T09:30:00.123Z');

/** A sealed entry, with the hash that belongs to the entry. */
function entryOf(action: string, changed?: { content?: object; names?: object }): ChainEntry {
  const person = { type: 'person', id: randomUUID(), name: 'ada@example.com' };
  const content = { id: randomUUID(), at: AT, actor: person, action, subject: person, details: { scopes: ['all'] } };
  const names = saltNames(content);
  const sealed = { type: 'entry', seal: 1, hash: hashEntry(content, names), isMissing: false } as const;
  return { ...sealed, ...content, ...changed?.content, names: { ...names, ...changed?.names } as NameSalts };
}

function sealOf(entries: ChainEntry[], start: ChainStart): ChainSeal {
  const seal = { number: start.number + 1, previous: start.hash, sealedAt: AT };
  const hashes = entries.map(({ hash }) => hash as string);
  return { type: 'seal', ...seal, hash: hashSeal({ ...seal, organizationId, entries: hashes }) };
}

const startOf = (more: Partial<ChainStart> = {}): ChainStart => ({
  ...({ type: 'start', organizationId, number: 0, hash: null, sealedThrough: 1, settledAt: null } as const),
  ...more,
});

function verify(items: ChainItem[], noted?: SealMark) {
  const verifier = createVerifier(noted);
  for (const item of items) verifier.add(item);
  return verifier.end();
}

test('An entry in which something else than a name is marked as erased does not hold', () => {
  const start = startOf();
  const whole = entryOf('apiKey.revoked');
  expect(verify([start, whole, sealOf([whole], start)])).toMatchObject({ holds: true, entries: 1, firstBreak: null });
  for (const [place, content, digest] of [
    ['/action', { action: ERASED }, 'apiKey.revoked'],
    ['/details', { details: ERASED }, { scopes: ['all'] }],
  ] as const) {
    const hidden = entryOf('apiKey.revoked', { content, names: { [place]: { digest } } });
    const found = verify([start, hidden, sealOf([hidden], start)]);
    expect(found.firstBreak, place).toMatchObject({ kind: 'changed entry', entry: hidden.id });
  }
});

test('Entries that name a seal, and that no seal follows, are found wherever they stand', () => {
  const start = startOf();
  const whole = entryOf('apiKey.issued');
  const seal = sealOf([whole], start);
  const added = { ...entryOf('apiKey.revoked'), seal: 2 };
  expect(verify([start, whole, seal, added]).firstBreak).toMatchObject({ kind: 'missing seal', seal: 2 });
  const unsealed = { ...entryOf('apiKey.revoked'), seal: null, hash: null };
  expect(verify([start, whole, seal, added, unsealed]).firstBreak).toMatchObject({ kind: 'missing seal', seal: 2 });
  expect(verify([start, whole, seal, unsealed])).toMatchObject({ holds: true, entries: 1, unsealed: 1 });
});

test('A noted seal from before the beginning of the chain is told from a seal that is there', () => {
  const start = startOf({ number: 7, hash: 'a'.repeat(64), sealedThrough: 8 });
  const whole = entryOf('apiKey.issued');
  const seal = sealOf([whole], start);
  const notedOf = (number: number, hash: string) => {
    const { noted, holds } = verify([start, whole, seal], { number, hash });
    return [noted, holds];
  };
  expect(notedOf(8, seal.hash)).toEqual(['there', true]);
  expect(notedOf(7, 'a'.repeat(64))).toEqual(['there', true]);
  expect(notedOf(7, 'b'.repeat(64))).toEqual(['missing', false]);
  expect(notedOf(9, seal.hash)).toEqual(['missing', false]);
  // AUDIT_DAYS erases seals, and so may whoever writes the chain anew.
  expect(notedOf(6, seal.hash)).toEqual(['before', true]);
  expect(verify([start, whole, seal]).noted).toBe(null);
});
