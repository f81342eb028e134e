import { IntrozyError } from './introzyError.ts';
import type { CallOptions, ProcedureCalls, RouterInputs, RouterOutputs } from './procedures.ts';
import { wait } from './wait.ts';

export type Contact = RouterOutputs['contacts']['get'];
/** What may be written of a contact; only `name` is required. */
export type ContactInput = RouterInputs['contacts']['upsertMany']['contacts'][number];
/** What became of a row; `index` is its place among all. */
export type UpsertResult = RouterOutputs['contacts']['upsertMany']['results'][number];
/** Which contacts; `limit` is how many come in one request, 200 at most. */
export type ContactFilter = Omit<NonNullable<Exclude<RouterInputs['contacts']['list'], void>>, 'cursor'>;

export interface UpsertOptions extends CallOptions {
  /** Add to what is there, as an import does: nothing is emptied, tags and custom fields are added. */
  merge?: boolean | undefined;
}

/** What there is for contacts beside their procedures. */
export interface ContactStreams {
  /** Every contact that a filter meets, newest first; pages are read as they are needed. */
  all(filter?: ContactFilter, options?: CallOptions): AsyncGenerator<Contact, void, undefined>;
  /**
   * Upserts any number of rows, 100 in a request, one request after the other, and gives the outcome of each row. Over the
   * rate of the key it waits. Where a request fails, the outcomes that came before it stand.
   */
  upsertAll(
    rows: Iterable<ContactInput> | AsyncIterable<ContactInput>,
    options?: UpsertOptions,
  ): AsyncGenerator<UpsertResult, void, undefined>;
}

type Contacts = ProcedureCalls['contacts'];

const PAGE = 200;
/** The rows of a request at most. */
const CHUNK = 100;
/** And the characters of their JSON: at 3 bytes each they are within the service's 1 MiB. */
const CHUNK_SIZE = 300_000;
/** How often a request is sent at most, where the key is over its rate; it was not run. */
const ATTEMPTS = 3;

export const contactStreams = ({ list, upsertMany }: Pick<Contacts, 'list' | 'upsertMany'>): ContactStreams => ({
  async *all(filter = {}, options) {
    let cursor: string | undefined;
    do {
      const page = await list.query({ limit: PAGE, ...filter, cursor }, options);
      yield* page.items;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  },

  async *upsertAll(rows, { merge, signal } = {}) {
    let done = 0;
    for await (const contacts of chunksOf(rows)) {
      const { results } = await patiently(() => upsertMany.mutate({ contacts, merge }, { signal }), signal);
      for (const result of results) yield { ...result, index: done + result.index };
      done += contacts.length;
    }
  },
});

async function* chunksOf(rows: Iterable<ContactInput> | AsyncIterable<ContactInput>): AsyncGenerator<ContactInput[]> {
  let chunk: ContactInput[] = [];
  let size = 0;
  for await (const row of rows) {
    const length = JSON.stringify(row)?.length ?? 0;
    if (chunk.length === CHUNK || (chunk.length > 0 && size + length > CHUNK_SIZE)) {
      yield chunk;
      [chunk, size] = [[], 0];
    }
    chunk.push(row);
    size += length;
  }
  if (chunk.length > 0) yield chunk;
}

async function patiently<T>(call: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof IntrozyError) || error.status !== 429 || attempt === ATTEMPTS) throw error;
      await wait((error.retryAfter ?? 1) * 1000, signal);
    }
  }
}
