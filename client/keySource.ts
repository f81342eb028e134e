import { isKey, KEY_PREFIX } from '../shared/keyFormat.ts';

/** A key, or a function that gives one: a page's function asks the page's own backend for a token. */
export type GivenKey = string | (() => string | Promise<string>);

/** A key or a token. `number` counts the keys that a client was given: 0 for the first. */
interface NumberedKey {
  key: string;
  number: number;
}

/** The key of a client. Calls share a single question for a new token. */
export interface KeySource {
  get(): NumberedKey | Promise<NumberedKey>;
  /** The service has refused the key with this number: the next call asks for another, unless that has been done already. */
  drop(number: number): void;
}

/** Throws at once where a key is missing or malformed. The answers of a function are checked when they come. */
export function keySource(given: GivenKey | undefined): KeySource {
  if (given === undefined) throw new Error('No API key: set INTROZY_API_KEY, or give createIntrozyClient a `key`');
  if (typeof given !== 'function') {
    const fixed = { key: readKey(given, 'INTROZY_API_KEY, or the `key` given,'), number: 0 };
    return { get: () => fixed, drop: () => {} };
  }
  let number = 0;
  let asked: Promise<NumberedKey> | undefined;
  return {
    get() {
      if (asked) return asked;
      const asking = ask(given, number);
      asked = asking;
      asking.catch(() => {
        if (asked === asking) asked = undefined;
      });
      return asking;
    },
    drop(refused) {
      if (refused !== number) return;
      number++;
      asked = undefined;
    },
  };
}

const ask = async (given: () => string | Promise<string>, number: number) => ({
  key: readKey(await given(), 'The answer of the function `key`'),
  number,
});

/** The key without the blanks and line ends around it, which files and shells add. */
function readKey(given: unknown, what: string): string {
  const key = typeof given === 'string' ? given.trim() : given;
  if (typeof key === 'string' && isKey(key)) return key;
  throw new Error(`Not an API key: ${what} must be ${KEY_PREFIX} and 64 lower-case hexadecimal characters`);
}
