import PQueue from 'p-queue';
import type { Logger } from 'pino';
import type { Mail, Mailer } from './mailer.ts';

/** Mails and other work that may run at once: a mail server takes few connections of one client. */
const AT_ONCE = 5;
/** Milliseconds before the second, the third and the fourth attempt to send a mail. */
const PAUSES = [1_000, 10_000, 60_000] as const;
/** Milliseconds that the end of the service waits for what is under way. */
const PATIENCE = 1_500;

/**
 * Work that no answer waits for. An answer that waits for a mail would tell by its time whether there is an account to
 * send the mail to.
 */
export interface Background {
  /** Sends a mail, and tries again where the mail server does not take the mail. A mail that fails is in the log. */
  send(mail: Mail): void;
  /** Runs `work`. A failure is in the log, as `what`: `a password reset is not sent`. */
  run(work: () => Promise<unknown>, what: string): void;
  /** Resolves once nothing is under way. */
  idle(): Promise<void>;
  /** Ends the pauses between attempts, and waits for what is under way, for 1.5 seconds at most. The log gets the rest. */
  drain(): Promise<void>;
}

export function createBackground({ mail, log }: { mail: Pick<Mailer, 'send'>; log: Logger }): Background {
  const queue = new PQueue({ concurrency: AT_ONCE });
  const ending = new AbortController();
  /** The mails that are not sent yet. */
  const unsent = new Set<Mail>();
  /** What each work that is not done yet would be logged as. */
  const undone = new Set<{ what: string }>();
  let resting = 0;
  const lose = ({ to, subject }: Mail, err?: unknown) => log.error({ err, to, subject }, 'a mail is not sent');

  const attempt = async (message: Mail, number = 0): Promise<void> => {
    try {
      await mail.send(message);
      unsent.delete(message);
    } catch (error) {
      const pause = PAUSES[number];
      if (pause === undefined || ending.signal.aborted) {
        unsent.delete(message);
        return lose(message, error);
      }
      log.warn({ err: error, to: message.to }, 'a mail is not sent yet');
      resting++;
      rest(pause, ending.signal).then(() => {
        resting--;
        queue.add(() => attempt(message, number + 1));
      });
    }
  };
  const idle = async () => {
    while (queue.size + queue.pending + resting > 0) {
      await (resting > 0 ? rest(20) : queue.onIdle());
    }
  };
  return {
    send(message) {
      unsent.add(message);
      queue.add(() => attempt(message));
    },
    run(work, what) {
      const entry = { what };
      undone.add(entry);
      queue.add(() =>
        work()
          .catch((error: unknown) => log.error({ err: error }, what))
          .finally(() => undone.delete(entry)),
      );
    },
    idle,
    async drain() {
      ending.abort();
      await Promise.race([idle(), rest(PATIENCE)]);
      for (const message of unsent) lose(message);
      unsent.clear();
      for (const { what } of undone) log.error(`${what}: the service ended before`);
      undone.clear();
    },
  };
}

/** Waits for `milliseconds`, or until `signal`. Does not keep the process alive. */
function rest(milliseconds: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds).unref();
    signal?.addEventListener('abort', end);
  });
}
