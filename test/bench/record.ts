import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { z } from 'zod';
import type { Figure } from './figures.ts';
import { loadTool } from './load.ts';
import type { Options } from './options.ts';
import { median, type Round } from './rounds.ts';

/** A figure of a run: the median, and the figure of each round. */
export const Measured = z.object({
  group: z.string(),
  name: z.string(),
  unit: z.enum(['ratio', 'cost', 'µs', 's', 'MB']),
  target: z.number().optional(),
  median: z.number(),
  rounds: z.array(z.number()),
});
export type Measured = z.infer<typeof Measured>;

/** Where and how a run was made. Figures of two runs can be compared where these are the same. */
export const Circumstances = z.object({
  cpus: z.number(),
  cpuModel: z.string(),
  node: z.string(),
  load: z.string(),
  contacts: z.number(),
  seconds: z.number(),
  only: z.string(),
  logins: z.string(),
});
export type Circumstances = z.infer<typeof Circumstances>;

const BenchRecord = z.object({ circumstances: Circumstances, figures: z.array(Measured) });
export type BenchRecord = z.infer<typeof BenchRecord>;

export const readRecord = async (file: string): Promise<BenchRecord> =>
  BenchRecord.parse(JSON.parse(await readFile(file, 'utf8')));

export const writeRecord = (file: string, record: BenchRecord) =>
  writeFile(file, `${JSON.stringify(record, null, 2)}\n`);

export const circumstancesOf = ({ contacts, seconds, only, logins }: Options): Circumstances => ({
  cpus: availableParallelism(),
  cpuModel: cpus()[0]?.model ?? '',
  node: process.version,
  load: loadTool,
  contacts,
  seconds,
  only,
  logins,
});

/** Gives nothing where the machine cannot tell the figure. */
export function toMeasured(group: string, { name, unit, target, ...figure }: Figure, rounds: Round[]): Measured[] {
  const values = rounds.map((round) => figure.in(round)).filter((value) => value !== undefined);
  const middle = median(values);
  if (middle === undefined) return [];
  return [{ group, name, unit, median: middle, rounds: values, ...(target !== undefined && { target }) }];
}
