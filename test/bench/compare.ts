import type { BenchRecord, Circumstances, Measured } from './record.ts';

/** The change for the worse, in per cent, from which on a figure of speed fails. */
const TOLERANCE = 5;
/** Microseconds under which the clock's ticks are too coarse for a comparison. */
const LEAST_CPU = 5;

interface Change {
  before: Measured;
  now: Measured;
  /** In per cent of the figure before. */
  percent: number;
  /** Worse by more than `TOLERANCE`. False for figures that depend on the machine alone: seconds and megabytes. */
  isWorse: boolean;
  /** The change is smaller than the distance between the lowest and the highest round of a run. */
  isWithinRounds: boolean;
}

/** Compares the figures that both runs have. `missing` are the figures that only the run before has. */
export function compareFigures(before: Measured[], now: Measured[]): { changes: Change[]; missing: Measured[] } {
  const pairs = before.map((earlier) => ({ earlier, later: now.find((figure) => isSame(figure, earlier)) }));
  return {
    changes: pairs.flatMap(({ earlier, later }) => (later ? [compare(earlier, later)] : [])),
    missing: pairs.filter(({ later }) => !later).map(({ earlier }) => earlier),
  };
}

const isSame = (one: Measured, other: Measured) => one.group === other.group && one.name === other.name;

function compare(before: Measured, now: Measured): Change {
  const difference = now.median - before.median;
  const percent = (difference / before.median) * 100;
  const loss = now.unit === 'ratio' ? -percent : percent;
  const isJudged = {
    ratio: true,
    cost: true,
    µs: Math.max(before.median, now.median) >= LEAST_CPU,
    s: false,
    MB: false,
  }[now.unit];
  const isWithinRounds = Math.abs(difference) < Math.max(spreadOf(before), spreadOf(now));
  return { before, now, percent, isWorse: isJudged && loss > TOLERANCE, isWithinRounds };
}

const spreadOf = ({ rounds }: Measured) => Math.max(...rounds) - Math.min(...rounds);

/** The circumstances that differ: `node: v26.10.0 before, v26.11.0 now`. */
export const differences = ({ circumstances: before }: BenchRecord, now: Circumstances): string[] =>
  (Object.keys(now) as (keyof Circumstances)[])
    .filter((name) => before[name] !== now[name])
    .map((name) => `${name}: ${before[name]} before, ${now[name]} now`);
