import type { Round, Sample } from './rounds.ts';

/**
 * A ratio is a rate divided by a rate: more is better. A cost is a ratio upside down: less is better. Microseconds are of
 * CPU a call. Seconds and megabytes depend on the machine, and are no figures of speed.
 */
export type Unit = 'ratio' | 'cost' | 'µs' | 's' | 'MB';

/** A number that the bench gives. The number of the whole run is the median over the rounds. */
export interface Figure {
  name: string;
  unit: Unit;
  target?: number | undefined;
  /** The figure in a round; `undefined` where the machine cannot tell. */
  in(round: Round): number | undefined;
}

/** The rate of `of`, divided by the rate of `to` in the same round. At least `target`. */
export const ratio = (name: string, [of, to]: [of: string, to: string], target?: number): Figure => ({
  name,
  unit: 'ratio',
  target,
  in: (round) => divide(round[of]?.perSecond, round[to]?.perSecond),
});

/** How many times as long as a call of `to` a call of `of` takes. At most `target`. */
export const cost = (name: string, [of, to]: [of: string, to: string], target?: number): Figure => ({
  name,
  unit: 'cost',
  target,
  in: (round) => divide(round[to]?.perSecond, round[of]?.perSecond),
});

/** The microseconds of CPU that a call of the candidate takes, in Node and in PostgreSQL. */
export const cpu = (candidate: string): Figure[] => [
  absolute(`${candidate}: CPU in Node`, 'µs', { candidate, quantity: 'node' }),
  absolute(`${candidate}: CPU in PostgreSQL`, 'µs', { candidate, quantity: 'postgres' }),
];

export const absolute = (
  name: string,
  unit: Unit,
  { candidate, quantity, target }: { candidate: string; quantity: keyof Sample; target?: number },
): Figure => ({ name, unit, target, in: (round) => round[candidate]?.[quantity] });

const divide = (number: number | undefined, by: number | undefined) =>
  number === undefined || by === undefined ? undefined : number / by;
