import type { compareFigures } from './compare.ts';
import type { Unit } from './figures.ts';
import type { Measured } from './record.ts';
import { medianOf, type Round } from './rounds.ts';

type Comparison = ReturnType<typeof compareFigures>;

const NAME = 62;

/** Prints the rate of each candidate, with the CPU of a call, and then the figures. */
export function printGroup(title: string, rounds: Round[], figures: Measured[]) {
  console.log(`\n${title}: medians of ${rounds.length} rounds`);
  for (const candidate of Object.keys(rounds[0] ?? {})) {
    const rate = medianOf(rounds, candidate, 'perSecond');
    if (rate === undefined) continue;
    const [node, postgres] = [medianOf(rounds, candidate, 'node'), medianOf(rounds, candidate, 'postgres')];
    const used = [
      ...(node === undefined ? [] : [`${node.toFixed(0).padStart(5)} µs in Node`]),
      ...(postgres === undefined ? [] : [`${postgres.toFixed(0).padStart(5)} µs in PostgreSQL`]),
    ];
    console.log(`  ${candidate.padEnd(NAME)} ${rate.toFixed(0).padStart(7)}/s  ${used.join(', ')}`);
  }
  for (const { name, unit, target, median, rounds: each } of figures) {
    if (unit === 'µs') continue;
    const range = `(${toText(Math.min(...each), unit)} to ${toText(Math.max(...each), unit)})`;
    const wanted = target === undefined ? '' : `wanted: at ${unit === 'ratio' ? 'least' : 'most'} ${target}`;
    console.log(
      `  ${`→ ${name}`.padEnd(NAME)} ${`${unit} ${toText(median, unit)}`.padEnd(12)} ${range.padEnd(16)} ${wanted}`,
    );
  }
}

/** Prints each figure before and now, and what makes the two runs different. */
export function printComparison(file: string, { changes, missing }: Comparison, differences: string[]) {
  console.log(`\nCompared with ${file}`);
  for (const { before, now, percent, isWorse, isWithinRounds } of changes) {
    const values = `${toText(before.median, now.unit)} → ${toText(now.median, now.unit)} ${now.unit}`;
    const sign = percent > 0 ? '+' : '';
    const change = Number.isFinite(percent) ? `${sign}${percent.toFixed(1)} %` : '';
    const notes = [...(isWorse ? ['WORSE'] : []), ...(isWithinRounds ? ['within the spread of the rounds'] : [])];
    console.log(
      `  ${`${now.group}: ${now.name}`.padEnd(NAME)} ${values.padEnd(24)} ${change.padStart(9)}  ${notes.join(', ')}`,
    );
  }
  for (const { group, name } of missing) console.log(`  Not measured now: ${group}: ${name}`);
  for (const difference of differences) console.log(`  Not comparable: ${difference}`);
  const worse = changes.filter(({ isWorse }) => isWorse);
  console.log(`  ${worse.length} of ${changes.length} figures are worse by more than 5 %`);
  if (!worse.some(({ isWithinRounds }) => isWithinRounds)) return;
  console.log(
    '  A change within the spread of the rounds may be noise: run again, with more rounds, on a quiet machine',
  );
}

const toText = (value: number, unit: Unit) => value.toFixed(unit === 'µs' || unit === 'MB' ? 0 : 2);
