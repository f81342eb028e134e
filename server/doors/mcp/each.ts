import { isWhole } from './explain.ts';

/** What came of one of many. */
export interface One<T> {
  of: string;
  result?: T;
  error?: unknown;
}

/**
 * Does `work` for each of many, one after the other, and notes what fails for one alone. What would fail for any is thrown:
 * what was done until then stays done, and is not done twice by who calls again.
 */
export async function each<T>(many: readonly string[], work: (of: string) => Promise<T>): Promise<One<T>[]> {
  const outcomes: One<T>[] = [];
  for (const of of new Set(many)) {
    try {
      outcomes.push({ of, result: await work(of) });
    } catch (error) {
      if (isWhole(error)) throw error;
      outcomes.push({ of, error });
    }
  }
  return outcomes;
}

/** Throws where nothing came of any: the one error, or an `AggregateError` of all outcomes. */
export function requireSome(outcomes: readonly One<unknown>[]) {
  if (outcomes.some((outcome) => !('error' in outcome))) return;
  const [first, ...others] = outcomes;
  throw others.length > 0 ? new AggregateError(outcomes) : first?.error;
}
