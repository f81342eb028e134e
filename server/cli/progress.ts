/** A line of a terminal, each state written over the last state. */
export interface ProgressLine {
  /** Shows the text that `describe` gives; does nothing within `EVERY` of the last state. */
  show(describe: () => string): void;
  clear(): void;
}

/** Milliseconds between two states of the line. */
const EVERY = 100;
const CLEAR_LINE = '\r\u{1b}[K';

/** Makes a progress line on `stream`. Where `stream` is not a terminal, the line writes nothing. */
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
