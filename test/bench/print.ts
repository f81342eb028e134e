import type { Change } from './compare.ts';
import type { Unit } from './figures.ts';
import type { Measured } from './record.ts';
import { medianOf, type Round } from './rounds.ts';

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

/** Prints each figure before and now. */
export function printChanges(file: string, changes: Change[]) {
  console.log(`\nCompared with ${file}`);
  for (const { before, now, percent, isWorse, isWithinRounds } of changes) {
    const values = `${toText(before.median, now.unit)} → ${toText(now.median, now.unit)} ${now.unit}`;
    const sign = percent > 0 ? '+' : '';
    const notes = [...(isWorse ? ['WORSE'] : []), ...(isWithinRounds ? ['within the spread of the rounds'] : [])];
    const change = Number.isFinite(percent) ? `${sign}${percent.toFixed(1)} %` : '';
    console.log(
      `  ${`${now.group}: ${now.name}`.padEnd(NAME)} ${values.padEnd(24)} ${change.padStart(9)}  ${notes.join(', ')}`,
    );
  }
}

const toText = (value: number, unit: Unit) => value.toFixed(unit === 'µs' || unit === 'MB' ? 0 : 2);
