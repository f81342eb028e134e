import type { UpsertResult } from '../../../../shared/contacts.ts';
import { wait } from '../../../wait.ts';
import { client, detailsOf, sentenceOf } from '../../api.ts';

/** Seconds to wait where the service does not say. */
const WAIT = 5;

/**
 * Adds rows to the contacts, and where the person's rate is used up waits until it is not. No other failure is tried again: a
 * row without an email could be there twice. Throws an `Error` with a sentence.
 */
export async function upsertPatiently(
  contacts: Record<string, unknown>[],
  signal: AbortSignal,
): Promise<UpsertResult[]> {
  for (;;) {
    signal.throwIfAborted();
    try {
      // The rows are judged by the service, one by one.
      const { results } = await client.contacts.upsertMany.mutate({
        contacts: contacts as { name: string }[],
        merge: true,
      });
      return results;
    } catch (error) {
      if (!detailsOf(error, 429)) throw new Error(sentenceOf(error), { cause: error });
      await wait(WAIT * 1000, signal);
    }
  }
}
