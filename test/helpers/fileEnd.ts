import { afterAll } from 'vitest';

let tasks = new AsyncDisposableStack();

/** Runs `task` after the running test file, and after its `afterAll` functions. The latest task runs first. */
export const atFileEnd = (task: () => Promise<void>) => tasks.defer(task);

/** Must be called once before each test file: Vitest loads a helper once for all files of a process. */
export const watchFileEnd = () =>
  afterAll(async () => {
    const ended = tasks;
    tasks = new AsyncDisposableStack();
    await ended.disposeAsync();
  });
