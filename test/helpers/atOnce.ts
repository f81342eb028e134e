/** Makes `count` calls at once. A call that answers 503, as on a slow machine, is repeated: five calls at most. */
export async function atOnce<T extends { status: number }>(count: number, call: (index: number) => Promise<T>) {
  const persist = async (index: number) => {
    for (let attempt = 1; ; attempt++) {
      const answer = await call(index);
      if (answer.status !== 503 || attempt === 5) return answer;
    }
  };
  return await Promise.all(Array.from({ length: count }, (_, index) => persist(index)));
}

/** How often each value occurs, by the value as text: `{ '200': 3, '503': 1 }`. */
export const tally = (values: unknown[]): Record<string, number> =>
  Object.fromEntries([...Map.groupBy(values, String)].map(([value, some]) => [value, some.length]));
