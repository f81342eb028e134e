import { isWhole } from './explain.ts';

/** The outcome of the work on an item: a result, or an error. */
export interface ItemOutcome<T> {
  /** The item: an id, or an email address. */
  of: string;
  result?: T;
  error?: unknown;
}

/**
 * Does `work` for each item in turn; an item that is named twice counts once. An error about a single item becomes that
 * item's outcome. An error that would meet every item (`isWhole`) is thrown, and the work on earlier items stays done:
 * to delete, restore or read an item again changes nothing, so that a caller can repeat the whole call.
 */
export async function each<T>(items: readonly string[], work: (item: string) => Promise<T>): Promise<ItemOutcome<T>[]> {
  const outcomes: ItemOutcome<T>[] = [];
  for (const item of new Set(items)) {
    try {
      outcomes.push({ of: item, result: await work(item) });
    } catch (error) {
      if (isWhole(error)) throw error;
      outcomes.push({ of: item, error });
    }
  }
  return outcomes;
}

/** Throws where every item failed: the error of a single item, or an `AggregateError` of the outcomes of several. */
export function requireSome(outcomes: readonly ItemOutcome<unknown>[]) {
  if (outcomes.some((outcome) => !('error' in outcome))) return;
  const [first, ...others] = outcomes;
  throw others.length > 0 ? new AggregateError(outcomes) : first?.error;
}
