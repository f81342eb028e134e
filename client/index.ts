import {
  createTRPCUntypedClient,
  httpBatchLink,
  httpLink,
  type Operation,
  splitLink,
  TRPCClientError,
} from '@trpc/client';
import type { AppRouter } from '../server/procedures/router.ts';
import { IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_FORM, isIdempotencyKey } from '../shared/idempotencyKey.ts';
import { transformer } from '../shared/transformer.ts';
import { type ContactStreams, contactStreams } from './contacts.ts';
import { IntrozyError } from './introzyError.ts';
import { type GivenKey, type KeySource, keySource } from './keySource.ts';
import { type CallOptions, PROCEDURES, type ProcedureCalls, type RouterOutputs } from './procedures.ts';
import { authorize, renewLink } from './renew.ts';
import { retryLink } from './retry.ts';
import { fetchAnswer } from './transport.ts';

export type {
  Contact,
  ContactFilter,
  ContactInput,
  MergedContactInput,
  UpsertOptions,
  UpsertResult,
} from './contacts.ts';
export type { GivenKey } from './keySource.ts';
export type { CallOptions, ChosenContact, RouterInputs, RouterOutputs } from './procedures.ts';
export { IntrozyError };
export type ApiKey = RouterOutputs['keys']['list']['items'][number];

/** The procedures that a key may call. `contacts` has `all` and `upsertAll` besides, for any number of contacts. */
export type IntrozyClient = Omit<ProcedureCalls, 'contacts'> & {
  contacts: ProcedureCalls['contacts'] & ContactStreams;
};

export interface IntrozyClientOptions {
  /** The service's base address. Default: INTROZY_URL, else `http://127.0.0.1:3000`, which `npm start` serves. */
  url?: string | undefined;
  /**
   * The API key, `introzy_1a2b3c4d…`, or a function that gives a key or a token. Default: INTROZY_API_KEY.
   *
   * A page's function asks the page's own backend, which has the key and mints a token (`keys.mintToken`). The function is
   * called before the first request, and again where the service has refused the token: tokens end. Calls that are made
   * meanwhile wait for the same answer.
   */
  key?: GivenKey | undefined;
  /** Takes the place of the global `fetch`, for a proxy or a test. */
  fetch?: typeof fetch | undefined;
  /**
   * Allow a fixed `key` in a browser, where every visitor of the page can read the key. A page should have a function as
   * its `key` instead, which asks a server that has the key for a token.
   */
  dangerouslyAllowBrowser?: boolean | undefined;
}

/** Calls in one request at most. The service refuses more. */
const BATCH_LIMIT = 20;
/** Characters of a query's address at most. Proxies commonly take a request line of 8 KiB. */
const URL_LIMIT = 8_000;

/**
 * Makes a client of the Introzy API, typed by the service's procedures. Queries made in the same tick share a request.
 * Throws at once where the key is missing or malformed, where `url` is no base address, and where a fixed key is given in a
 * browser without `dangerouslyAllowBrowser`. The key is never printed.
 */
export function createIntrozyClient(options: IntrozyClientOptions = {}): IntrozyClient {
  if (isBrowser() && typeof options.key !== 'function' && !options.dangerouslyAllowBrowser) {
    throw new Error(
      'An API key does not belong in a web page, where anybody can read it. Give `key` a function that asks a server of yours, which has the key and mints a token (keys.mintToken); or, if everybody may have this key, set dangerouslyAllowBrowser',
    );
  }
  const url = readUrl(options.url ?? environment('INTROZY_URL') ?? 'http://127.0.0.1:3000');
  const key = keySource(options.key ?? environment('INTROZY_API_KEY'));
  const requests = {
    url,
    transformer,
    fetch: fetchAnswer(url, options.fetch),
  };
  const client = createTRPCUntypedClient<AppRouter>({
    links: [
      retryLink,
      ...(typeof options.key === 'function' ? [renewLink(key)] : []),
      splitLink({
        condition: ({ type, input }) => type === 'mutation' || isLong(JSON.stringify(input) ?? ''),
        true: httpLink({ ...requests, methodOverride: 'POST', headers: ({ op }) => headersOf(key, [op]) }),
        false: httpBatchLink({
          ...requests,
          maxItems: BATCH_LIMIT,
          maxURLLength: URL_LIMIT,
          headers: ({ opList }) => headersOf(key, opList),
        }),
      }),
    ],
  });
  const procedures = callsBy((kind, path) => async (input, { signal, idempotencyKey } = {}) => {
    const callOptions = signal && { signal };
    try {
      if (kind === 'query') return await client.query(path, input, callOptions);
      if (idempotencyKey !== undefined && !isIdempotencyKey(idempotencyKey)) throw new Error(IDEMPOTENCY_KEY_FORM);
      // The same key at each attempt: see retry.ts.
      const context = { idempotencyKey: idempotencyKey ?? newKey() };
      return await client.mutation(path, input, { ...callOptions, context });
    } catch (error) {
      throw error instanceof TRPCClientError ? new IntrozyError(error) : error;
    }
  });
  return { ...procedures, contacts: { ...procedures.contacts, ...contactStreams(procedures.contacts) } };
}

/** The headers of a request. A mutation has a request, and an idempotency key, of its own. */
async function headersOf(source: KeySource, calls: readonly Operation[]): Promise<Record<string, string>> {
  const idempotencyKey = calls[0]?.context.idempotencyKey;
  const once = typeof idempotencyKey === 'string' && { [IDEMPOTENCY_KEY]: inUtf8(idempotencyKey) };
  return { ...(await authorize(source, calls)), ...once };
}

/** A text as a header takes it: a character for each byte of the text in UTF-8. */
const inUtf8 = (text: string) => String.fromCharCode(...new TextEncoder().encode(text));

/** True for a query with a request of its own: its input is too long for an address. */
const isLong = (input: string) => encodeURIComponent(input).length > URL_LIMIT / 2;

/** A random key. A page that came by plain http has no `randomUUID`. */
const newKey = () => crypto.randomUUID?.() ?? crypto.getRandomValues(new Uint8Array(16)).join('-');

type Kind = 'query' | 'mutate';
type AnyCall = (input: unknown, options?: CallOptions) => Promise<unknown>;

/** The table of procedures, with a function for each: `{ keys: { list: { query } } }`. */
function callsBy(make: (kind: Kind, path: string) => AnyCall): ProcedureCalls {
  const namespaces = Object.entries(PROCEDURES).map(([namespace, procedures]) => {
    const calls = Object.entries(procedures as Record<string, Kind>).map(([name, kind]) => [
      name,
      { [kind]: make(kind, `${namespace}.${name}`) },
    ]);
    return [namespace, Object.fromEntries(calls)];
  });
  return Object.fromEntries(namespaces);
}

/**
 * The address of tRPC: `http://127.0.0.1:3000/trpc`. The error does not repeat `given`: a misplaced key may be there.
 */
function readUrl(given: string): string {
  const url = URL.parse(given);
  const isBase = url && /^https?:$/.test(url.protocol) && url.href === url.origin + url.pathname;
  if (!isBase) throw new Error('`url` (or INTROZY_URL) must be a base address such as http://127.0.0.1:3000');
  return url.href.replace(/\/*$/, '/trpc');
}

/** A variable of the environment, which a browser lacks. The client reads the environment nowhere else. */
function environment(name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env?.[name] || undefined;
}

const isBrowser = () => {
  const { window, document } = globalThis as { window?: unknown; document?: unknown };
  return window !== undefined && document !== undefined;
};
