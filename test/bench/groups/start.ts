import { setTimeout as wait } from 'node:timers/promises';
import { hasProc, memoryOf } from '../cpu.ts';
import { absolute } from '../figures.ts';
import type { Group } from '../group.ts';
import { startService } from '../processes.ts';
import type { Sample } from '../rounds.ts';

/** Milliseconds between the moment when the service is ready and the look at its memory. */
const IDLE = 2_000;

export const start: Group = {
  name: 'start',
  title: 'Start, and memory when idle',
  async open({ testbed }) {
    const { own } = await testbed();
    const measure = async (): Promise<Sample> => {
      await using stack = new AsyncDisposableStack();
      const { pid, seconds } = await startService(stack, own);
      await wait(IDLE);
      return { ready: seconds, ...(hasProc && { memory: memoryOf(pid) }) };
    };
    return {
      candidates: { service: measure },
      figures: [
        absolute('start to ready', 's', { candidate: 'service', quantity: 'ready', target: 0.6 }),
        absolute('memory when idle', 'MB', { candidate: 'service', quantity: 'memory', target: 120 }),
      ],
    };
  },
};
