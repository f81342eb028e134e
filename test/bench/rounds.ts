/** The result of a single measurement. Values that the machine cannot tell are left out. */
export interface Sample {
  /** Calls a second. */
  perSecond?: number;
  /** Microseconds of CPU a call: in the server's process, and in PostgreSQL. */
  node?: number;
  postgres?: number;
  /** Seconds from the start of a process until the process is ready. */
  ready?: number;
  /** Megabytes that an idle process holds. */
  memory?: number;
}
type Quantity = keyof Sample;

/** The samples of a round, by the candidates' names. */
export type Round = Record<string, Sample>;

export type Candidates = Record<string, () => Promise<Sample>>;

/** Rounds that do not count: V8 compiles the code of a call anew during the first ten thousands of calls. */
const WARM_UP = 2;

/** Measures the candidates in turn, round by round. */
export async function measureRounds(candidates: Candidates, rounds: number): Promise<Round[]> {
  const measured: Round[] = [];
  for (let round = -WARM_UP; round < rounds; round++) {
    const samples: Round = {};
    for (const [name, measure] of Object.entries(candidates)) samples[name] = await measure();
    if (round >= 0) measured.push(samples);
  }
  return measured;
}

/** The median over the rounds of a candidate's quantity; `undefined` where the machine cannot tell the quantity. */
export const medianOf = (rounds: Round[], candidate: string, quantity: Quantity): number | undefined =>
  median(rounds.map((round) => round[candidate]?.[quantity]).filter((value) => value !== undefined));

/** The middle number, or the mean of the two in the middle; `undefined` without numbers. */
export function median(numbers: number[]): number | undefined {
  const sorted = numbers.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}
