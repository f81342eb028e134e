import { z } from 'zod';
import { ApiKey } from './apiKeys.ts';
import { Id, organizationId } from './text.ts';

const count = z.int().min(0);
const counts = {
  ok: count.describe('Calls that were answered: 2xx'),
  clientError: count.describe('Calls that were refused: 4xx, without 401 and 429'),
  limited: count.describe('Calls over a rate: 429'),
  failed: count.describe('Calls that the service failed: 5xx'),
};
const day = z.iso.date();

/** The calls of a key. */
const KeyUsage = z.object({
  id: z.uuid(),
  name: z.string(),
  hint: ApiKey.shape.hint,
  state: ApiKey.shape.state,
  total: z.object(counts).describe('The calls of all days'),
  days: z.array(z.object({ date: day, ...counts })).describe('The days with calls, oldest first'),
});

/** The calls of keys, newest key first, from the day `from` to the day `to`, which is today. */
export const ApiKeyUsage = z.object({
  from: day.describe('The first day, in UTC'),
  to: day.describe('The last day: today, in UTC'),
  keys: z.array(KeyUsage),
});
export type ApiKeyUsage = z.infer<typeof ApiKeyUsage>;

export const ApiKeyUsageRequest = z
  .strictObject({ organizationId, id: Id.optional().describe('Of this key; left out, of all keys') })
  .prefault({});
