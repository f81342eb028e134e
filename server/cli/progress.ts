/** A line that is written over; nothing where no person looks on. */
export interface ProgressLine {
  /** Shows what `describe` says, if it is time to. */
  show(describe: () => string): void;
  clear(): void;
}

/** Milliseconds between two states of the line. */
const EVERY = 100;
const CLEAR_LINE = '\r\u{1b}[K';

/** A progress line on `stream`, where that is a terminal. */
export function createProgressLine(stream: NodeJS.WriteStream): ProgressLine {
  if (!stream.isTTY) return { show: () => {}, clear: () => {} };
  let shownAt = Number.NEGATIVE_INFINITY;
  return {
    show(describe) {
      if (performance.now() - shownAt < EVERY) return;
      shownAt = performance.now();
      stream.write(CLEAR_LINE + describe());
    },
    clear: () => void stream.write(CLEAR_LINE),
  };
}
