import { expect } from 'vitest';
import type { createApp } from '../../server/doors/app.ts';
import { KEY_PREFIX } from '../../shared/keyFormat.ts';
import { type Opened, readTables } from './tables.ts';

const KEY = new RegExp(`${KEY_PREFIX}[0-9a-f]{64}`, 'g');

/** The keys in a text, each once. */
const keysIn = (text: string): string[] => [...new Set(text.match(KEY))];

/** The part of a key that nobody but its holder may know: its first characters are its hint. */
const secretOf = (key: string) => key.slice(KEY_PREFIX.length + 8);

/**
 * Watches over every key of a test's app: one that the service issues is in that answer and in no other, nor is any in the
 * log, nor, in the end, in the database.
 */
export function watchKeys(app: ReturnType<typeof createApp>) {
  /** How many answers each key was in. */
  const answers = new Map<string, number>();
  const { fetch } = app;
  app.fetch = async (...request) => {
    const response = await fetch(...request);
    const text = await response.clone().text();
    for (const key of keysIn(text)) answers.set(key, (answers.get(key) ?? 0) + 1);
    return response;
  };
  return {
    /** A key that no answer may hold: the operator issued it. */
    add: (key: string) => answers.set(key, 1),
    expectNoneIn(text: string, where: string) {
      for (const key of answers.keys()) expect(text.includes(secretOf(key)), `a key in ${where}`).toBe(false);
    },
    expectOneAnswerEach() {
      for (const [key, count] of answers) expect(count, `answers with the key of ${key.slice(0, 16)}`).toBe(1);
    },
  };
}

export type Canaries = ReturnType<typeof watchKeys>;

/** No key of `canaries` is in any table. */
export async function expectNoneKept(opened: Opened, canaries: Canaries[]) {
  const tables = JSON.stringify(await readTables(opened));
  for (const { expectNoneIn } of canaries) expectNoneIn(tables, 'the database');
}
