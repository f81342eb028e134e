import { compareFigures, differences } from './compare.ts';
import type { Group } from './group.ts';
import { handBuilt, keyCheck } from './groups/betterAuth.ts';
import { bareAnswers, create, current, get, keyed, list } from './groups/calls.ts';
import { embedded } from './groups/embedded.ts';
import { deep, deleted, search, sorts } from './groups/pages.ts';
import { start } from './groups/start.ts';
import { loadTool } from './load.ts';
import { isWanted, options } from './options.ts';
import { printComparison, printGroup } from './print.ts';
import { circumstancesOf, type Measured, readRecord, toMeasured, writeRecord } from './record.ts';
import { measureRounds } from './rounds.ts';
import { openTestbed, type Testbed } from './testbed.ts';

/**
 * The embedded database comes first: PostgreSQL does not run yet. `create` and `keyed` come last: new contacts change
 * the pages of the other groups.
 */
const GROUPS = [
  embedded,
  bareAnswers,
  list,
  handBuilt,
  current,
  keyCheck,
  get,
  deep,
  deleted,
  sorts,
  search,
  start,
  create,
  ...(loadTool === 'wrk' ? [keyed] : []),
];

const wanted = GROUPS.filter(({ name }) => isWanted(name, options));
if (wanted.length === 0) throw new Error(`--only: the groups are ${GROUPS.map(({ name }) => name).join(', ')}`);

const earlier = options.compare === undefined ? undefined : await readRecord(options.compare);
const figures: Measured[] = [];
{
  await using stack = new AsyncDisposableStack();
  let opened: Promise<Testbed> | undefined;
  const testbed = () => (opened ??= openTestbed(stack, options));
  for (const group of wanted) {
    try {
      figures.push(...(await measure(group, testbed)));
    } catch (error) {
      // The figures of the other groups are not lost.
      console.error(`\n${group.title}: fails`, error);
      process.exitCode = 1;
    }
  }
}

const circumstances = circumstancesOf(options);
if (options.out !== undefined) await writeRecord(options.out, { circumstances, figures });
if (earlier) {
  const before = earlier.figures.filter(({ group }) => isWanted(group, options));
  const comparison = compareFigures(before, figures);
  printComparison(options.compare ?? '', comparison, differences(earlier, circumstances));
  const { changes, missing } = comparison;
  if (changes.length === 0 || missing.length > 0 || changes.some(({ isWorse }) => isWorse)) process.exitCode = 1;
}

async function measure(group: Group, testbed: () => Promise<Testbed>): Promise<Measured[]> {
  await using stack = new AsyncDisposableStack();
  const { candidates, figures } = await group.open({ options, testbed }, stack);
  const rounds = await measureRounds(candidates, options.rounds);
  const measured = figures.flatMap((figure) => toMeasured(group.name, figure, rounds));
  printGroup(group.title, rounds, measured);
  return measured;
}
