import type { UpsertResult } from '../../../../shared/contacts.ts';
import { wait } from '../../../wait.ts';
import { client, detailsOf, sentenceOf } from '../../api.ts';

/** Seconds between two tries. */
const WAIT = 5;

/**
 * Writes contacts by `contacts.upsertMany`, and waits while the person's rate limit refuses the call. No call that failed
 * for another reason is repeated: it may have been done, and a contact without an email would be there twice. Throws an
 * `Error` whose message is a sentence for people, and the reason of `signal` where that is aborted.
 */
export async function upsertPatiently(
  contacts: Record<string, unknown>[],
  signal: AbortSignal,
): Promise<UpsertResult[]> {
  for (;;) {
    signal.throwIfAborted();
    try {
      // The service checks each contact. The type would have them checked here.
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
