/** Something that waits until a time of `performance.now()`. */
export interface Waiting {
  readonly until: number;
  giveUp(): void;
}

/** Gives up whatever waits past its time. */
export interface Deadlines {
  add(waiting: Waiting): void;
  delete(waiting: Waiting): void;
}

/** Milliseconds between two looks at all that wait: how late a flight is given up at most. */
const LOOK_EVERY = 25;

/** Watches deadlines with a single timer: a timer for each flight would cost more than the flight's own work. */
export function watchDeadlines(): Deadlines {
  const waiting = new Set<Waiting>();
  let isLooking = false;
  const lookLater = () => {
    isLooking = true;
    setTimeout(look, LOOK_EVERY);
  };
  const look = () => {
    isLooking = false;
    const now = performance.now();
    for (const late of waiting) {
      if (late.until > now) continue;
      waiting.delete(late);
      late.giveUp();
    }
    if (waiting.size > 0) lookLater();
  };
  return {
    add(added) {
      waiting.add(added);
      if (!isLooking) lookLater();
    },
    delete: (ended) => void waiting.delete(ended),
  };
}
