import { expect, test } from 'vitest';
import { wait } from '../../client/wait.ts';

/** Milliseconds, longer than a test's time limit: a wait that is not cut short fails the test. */
const FOR_EVER = 3_600_000;

test('A wait ends at once where its signal was aborted before, or is aborted meanwhile', async () => {
  await expect(wait(FOR_EVER, AbortSignal.abort('before'))).rejects.toBe('before');
  const controller = new AbortController();
  const waiting = wait(FOR_EVER, controller.signal);
  controller.abort('meanwhile');
  await expect(waiting).rejects.toBe('meanwhile');
});
