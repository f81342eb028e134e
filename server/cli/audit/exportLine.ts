import { z } from 'zod';
import type { ChainItem } from '../../../db/auditChain.ts';

/** A line of an export: docs/audit-log.md describes the lines. */
export function toLine(item: ChainItem): string {
  if (item.type !== 'entry') return `${JSON.stringify(item)}\n`;
  const { isMissing, ...entry } = item;
  if (!isMissing) return `${JSON.stringify(entry)}\n`;
  const { type, seal, id, hash, names } = item;
  return `${JSON.stringify({ type, seal, id, hash, names, isMissing })}\n`;
}

const Hash = z.string().regex(/^[\da-f]{64}$/);
const Time = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
const Names = z.record(z.string(), z.union([z.strictObject({ salt: z.string() }), z.strictObject({ digest: Hash })]));
const Count = z.int().min(0);

const Start = z.object({
  type: z.literal('start'),
  organizationId: z.uuid(),
  number: Count,
  hash: Hash.nullable(),
  sealedThrough: Count,
  settledAt: Time.nullable(),
});
const Seal = z.object({
  type: z.literal('seal'),
  number: Count,
  previous: Hash.nullable(),
  hash: Hash,
  sealedAt: Time,
});
const Place = { type: z.literal('entry'), seal: Count.nullable(), id: z.uuid(), hash: Hash.nullable(), names: Names };
const Missing = z.object({ ...Place, isMissing: z.literal(true) });
const Entry = z.object({
  ...Place,
  at: Time,
  actor: z.unknown(),
  action: z.string(),
  subject: z.unknown(),
  details: z.unknown(),
  isMissing: z.literal(false).default(false),
});
const Line = z.union([Start, Seal, Missing, Entry]);

/** Reads a line of an export. `undefined` for any other text. */
export function readLine(text: string): ChainItem | undefined {
  try {
    return Line.safeParse(JSON.parse(text)).data as ChainItem | undefined;
  } catch {
    return undefined;
  }
}
