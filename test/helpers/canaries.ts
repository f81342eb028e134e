import { expect } from 'vitest';
import type { createApp } from '../../server/doors/app.ts';
import { KEY_PREFIX } from '../../shared/keyFormat.ts';
import { expectNoSecretIn, readAllRows } from './secretsSeen.ts';
import type { Opened } from './tables.ts';

const KEY = new RegExp(`${KEY_PREFIX}[0-9a-f]{64}`, 'g');

/** The body of a stream, whose text is noted once the stream has ended. */
function watch({ body }: Response, note: (text: string) => void) {
  const decoder = new TextDecoder();
  let text = '';
  const watched = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      text += decoder.decode(chunk, { stream: true });
      controller.enqueue(chunk);
    },
    flush: () => note(text),
  });
  return body?.pipeThrough(watched) ?? null;
}

/** The different keys in a text. */
const keysIn = (text: string): string[] => [...new Set(text.match(KEY))];

/** The secret part of a key. The 8 characters before the secret part are the key's hint, which everybody may see. */
const secretOf = (key: string) => key.slice(KEY_PREFIX.length + 8);

/**
 * Watches every key of a test's app. A key that the service issues may be in one answer: the answer that issues the
 * key. No key may be in the log or, at the end, in the database.
 */
export function watchKeys(app: ReturnType<typeof createApp>) {
  /** By key: the number of answers that held the key. */
  const answers = new Map<string, number>();
  const { fetch } = app;
  app.fetch = async (...request) => {
    const response = await fetch(...request);
    const note = (text: string) => {
      for (const key of keysIn(text)) answers.set(key, (answers.get(key) ?? 0) + 1);
    };
    // A stream must reach its reader piece by piece.
    if (response.headers.get('content-type') === 'application/jsonl')
      return new Response(watch(response, note), response);
    note(await response.clone().text());
    return response;
  };
  return {
    /** Adds a key that the operator issued: no answer may hold the key, so that its count starts at 1. */
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

/** Checks that no table holds a key of `canaries`, or any other secret that the test file has seen. */
export async function expectNoneKept(opened: Opened, canaries: Canaries[]) {
  const rows = await readAllRows(opened);
  for (const { expectNoneIn } of canaries) expectNoneIn(rows, 'the database');
  expectNoSecretIn(rows, 'the database');
}
