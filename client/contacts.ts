import type { CallOptions, ChosenContact, ProcedureCalls, RouterInputs, RouterOutputs } from './procedures.ts';

export type Contact = RouterOutputs['contacts']['get'];
type Upsert = RouterInputs['contacts']['upsertMany'];
/** The fields of a contact that a program may write. Only `name` is required. What `get` gave may be sent back. */
export type ContactInput = Exclude<Upsert, { merge: true }>['contacts'][number];
/** As `ContactInput`, for an upsert with `merge`, which needs no name. */
export type MergedContactInput = Upsert['contacts'][number];
/** The outcome of a row. `index` counts from 0: `upsertAll` counts all rows, `upsertMany` the rows of a request. */
export type UpsertResult = RouterOutputs['contacts']['upsertMany']['results'][number];
/** A filter for contacts. `limit` is the number of contacts in one request, 200 at most. */
export type ContactFilter<Field extends keyof Contact = keyof Contact> = Omit<
  NonNullable<Exclude<RouterInputs['contacts']['list'], void>>,
  'cursor' | 'direction' | 'fields'
> & { fields?: readonly Field[] | undefined };

export interface UpsertOptions extends Pick<CallOptions, 'signal'> {
  /** Add to the contact, as an import does: no field is emptied; tags and custom fields are added. */
  merge?: boolean | undefined;
}

/** Functions that read or write any number of contacts, over several requests. */
export interface ContactStreams {
  /**
   * Every contact that matches `filter`, newest first or by `sort`, with the fields that `fields` chooses. A page is
   * requested when the loop reaches the page.
   */
  all<Field extends keyof Contact = keyof Contact>(
    filter?: ContactFilter<Field>,
    options?: CallOptions,
  ): AsyncGenerator<ChosenContact<Field>, void, undefined>;
  /**
   * Upserts any number of rows: at most 100 rows in a request, one request after the other. Gives the outcome of each
   * row. Throws an `IntrozyError` where a request fails; the outcomes given before stand.
   */
  upsertAll(rows: Rows<ContactInput>, options?: UpsertOptions): AsyncGenerator<UpsertResult, void, undefined>;
  upsertAll(
    rows: Rows<MergedContactInput>,
    options: UpsertOptions & { merge: true },
  ): AsyncGenerator<UpsertResult, void, undefined>;
}

type Rows<Row> = Iterable<Row> | AsyncIterable<Row>;
type Contacts = ProcedureCalls['contacts'];

/** Contacts in a request, unless the filter has a `limit`. */
const PAGE = 200;
/** Rows in a request at most. */
const CHUNK = 100;
/** Characters of a request's JSON at most. At 3 bytes a character, the request stays within the service's 1 MiB. */
const CHUNK_SIZE = 300_000;

export const contactStreams = ({ list, upsertMany }: Pick<Contacts, 'list' | 'upsertMany'>): ContactStreams => ({
  async *all<Field extends keyof Contact>(filter: ContactFilter<Field> = {}, options?: CallOptions) {
    let cursor: string | undefined;
    do {
      const page = await list.query({ limit: PAGE, ...filter, cursor }, options);
      yield* page.items;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  },

  async *upsertAll(rows: Rows<MergedContactInput>, { merge, signal }: UpsertOptions = {}) {
    let done = 0;
    for await (const contacts of chunksOf(rows)) {
      const { results } = await upsertMany.mutate({ contacts, merge } as Upsert, { signal });
      for (const result of results) yield { ...result, index: done + result.index };
      done += contacts.length;
    }
  },
});

async function* chunksOf(rows: Rows<MergedContactInput>): AsyncGenerator<MergedContactInput[]> {
  let chunk: MergedContactInput[] = [];
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
