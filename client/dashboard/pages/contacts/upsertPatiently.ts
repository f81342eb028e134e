import type { UpsertResult } from '../../../../shared/contacts.ts';
import { wait } from '../../../wait.ts';
import { client, detailsOf, sentenceOf } from '../../api.ts';

/** Seconds between two tries. */
const WAIT = 5;

/**
 * Writes contacts by `contacts.upsertMany`, and waits while the person's rate limit refuses the call. A call that
 * failed for another reason is not repeated: the service may have written the contacts, and a repeated call would add a
 * contact without an email again. Throws an `Error` whose message is a sentence for people, and the reason of `signal`
 * where `signal` is aborted.
 */
export async function upsertPatiently(
  contacts: Record<string, unknown>[],
  signal: AbortSignal,
): Promise<UpsertResult[]> {
  for (;;) {
    signal.throwIfAborted();
    try {
      // The type demands a name. The cast leaves the check of each contact to the service.
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
