import { expect, test } from 'vitest';
import { compareFigures } from '../bench/compare.ts';
import type { Unit } from '../bench/figures.ts';

const figure = (unit: Unit, rounds: number[]) => ({
  group: 'list',
  name: 'REST list',
  unit,
  median: rounds[1] as number,
  rounds,
});

const change = (unit: Unit, [before, now]: [number, number]) => {
  const { changes } = compareFigures([figure(unit, [before, before, before])], [figure(unit, [now, now, now])]);
  return changes[0]?.isWorse;
};

test('a ratio that falls by more than 5 per cent is worse, and a ratio that rises is not', () => {
  expect(change('ratio', [1, 0.94])).toBe(true);
  expect(change('ratio', [1, 0.96])).toBe(false);
  expect(change('ratio', [1, 2])).toBe(false);
});

test('a cost or CPU that rises by more than 5 per cent is worse', () => {
  for (const unit of ['cost', 'µs'] as const) {
    expect(change(unit, [100, 106])).toBe(true);
    expect(change(unit, [100, 104])).toBe(false);
    expect(change(unit, [100, 50])).toBe(false);
  }
});

test('CPU that the clock cannot tell, seconds and megabytes are never worse', () => {
  expect(change('µs', [0.1, 1])).toBe(false);
  expect(change('µs', [0.1, 20])).toBe(true);
  expect(change('s', [1, 2])).toBe(false);
  expect(change('MB', [100, 200])).toBe(false);
});

test('a change smaller than the distance between the rounds is named so', () => {
  const before = [figure('ratio', [0.8, 1, 1.2])];
  const isNoise = (now: number) =>
    compareFigures(before, [figure('ratio', [now, now, now])]).changes[0]?.isWithinRounds;
  expect(isNoise(0.9)).toBe(true);
  expect(isNoise(0.5)).toBe(false);
});

test('a figure of one run alone is not compared, and a figure that is gone is named', () => {
  const only = figure('ratio', [1, 1, 1]);
  expect(compareFigures([], [only])).toEqual({ changes: [], missing: [] });
  expect(compareFigures([only], [])).toEqual({ changes: [], missing: [only] });
});
