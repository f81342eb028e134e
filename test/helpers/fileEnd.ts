import { afterAll } from 'vitest';

let tasks = new AsyncDisposableStack();

/** Has `task` done when the running test file has ended, its own `afterAll` included; the latest task comes first. */
export const atFileEnd = (task: () => Promise<void>) => tasks.defer(task);

/** To be called once before each test file: files may share a process, in which a helper is loaded once. */
export const watchFileEnd = () =>
  afterAll(async () => {
    const ended = tasks;
    tasks = new AsyncDisposableStack();
    await ended.disposeAsync();
  });
