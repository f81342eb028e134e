import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { RateLimiterAbstract } from 'rate-limiter-flexible';
import { IDEMPOTENCY_KEY } from '../../shared/idempotencyKey.ts';
import type { Invitation } from '../../shared/people.ts';
import type { Accounts } from '../auth/accounts.ts';
import { callerAddress } from '../auth/address.ts';
import { type Credential, isSentTwice, readCredential } from '../auth/credential.ts';
import type { KeyParts } from '../auth/keys.ts';
import type { Source } from '../auth/place.ts';
import type { Identity, Principal } from '../auth/principal.ts';
import type { takeTurns } from '../auth/takeTurns.ts';
import { type CorsHeaders, corsHeaders } from '../http/cors.ts';
import { isOverHttps } from '../http/securityHeaders.ts';
import type { Background } from '../mail/background.ts';
import type { MailCap } from '../mail/mailCap.ts';
import type { Mailer } from '../mail/mailer.ts';
import type { InBulk } from './bulk.ts';
import type { ListTags } from './tagCounts.ts';

/** The parts of the service. `createDeps` puts the parts together; each function takes the parts that it needs. */
export interface Deps extends KeyParts {
  /** Counts the calls of each key and each person, for a minute, in memory or in Redis. */
  rateLimiter: RateLimiterAbstract;
  /** Counts the calls of all keys of each organization. */
  organizationRateLimiter: RateLimiterAbstract;
  accounts: Accounts;
  mail: Mailer;
  mailCap: MailCap;
  /** Mails and other work that no answer waits for. */
  background: Background;
  /** The address under which others reach the service, without a slash at its end. */
  publicUrl: string;
  /** The host name that passkeys belong to. `undefined`: there are no passkeys. */
  passkeyHost: string | undefined;
  /** The invitations that are under way: see invite.ts. */
  inviting: Map<string, Promise<Invitation>>;
  listTags: ListTags;
  /** For calls that change many contacts. */
  inBulk: InBulk;
  /**
   * For calls that take many other emails, whose locks are an organization's: each such call would hold up the others. And
   * for calls with an idempotency key, of which the second waits for the first.
   */
  inTurn: ReturnType<typeof takeTurns>;
  /** The last address in `X-Forwarded-For` is the caller's: a proxy of ours put that address there. */
  trustProxy: boolean;
  /** Other origins whose pages may call the service, with a key: `https://app.example.com`. */
  allowedOrigins: ReadonlySet<string>;
  /** Days after which deleted contacts are erased. `undefined`: never. */
  deletedDays: number | undefined;
  /** Aborted when the service is about to end: open requests are answered, and no new requests are taken. */
  draining: AbortController;
}

/** The parts of a request that every door reads in the same way. */
export interface Context {
  deps: Deps;
  requestId: string;
  /** The request's arrival, in milliseconds on the monotonic clock. */
  arrivedAt: number;
  credential: Credential;
  /** A header that may be sent once came twice: the door refuses the request. */
  isAmbiguous: boolean;
  source: Source;
  /** The request came over https. */
  isHttps: boolean;
  /** The headers for pages of other origins: see `corsHeaders`. */
  cors: CorsHeaders | undefined;
  /**
   * For headers and the log: the caller, once found, the state of the tighter rate, whether the call is a dry run, and
   * whether the answer shows a secret, and so must not be compressed: lengths of compressed texts betray them (BREACH).
   */
  seen: { identity?: Identity; rate?: RateState; isDryRun?: boolean; showsSecret?: boolean };
  /** The request is to take effect once, however often the request is sent. */
  idempotency?: Idempotency | undefined;
  /** True once the client has closed the connection: a call that has not begun then does not begin. */
  isGone(): boolean;
  /** The answer is a part of a stream. What the door has counted of the call against the rates, and not how the call ends. */
  streamed?: Counts | undefined;
  /** The door counts the call, and how it ends: the procedures do not count again. */
  isCounted?: boolean | undefined;
  /** The most bytes of a page of contacts, where several calls share an answer; else `PAGE_BYTES`. */
  pageBytes?: number | undefined;
}

/** The idempotency key of a request, and what the key stands for. */
export interface Idempotency {
  /** As sent. The procedures check the form. */
  key: unknown;
  /** Where the key was sent, for an error: `['Idempotency-Key']`. */
  path: string[];
  /** The calls of the request. A key stands for a single call. */
  calls: number;
  /**
   * For a tool of MCP, which may make several calls: the name and the arguments of the tool. These, and no call's own
   * input, tell the request from others.
   */
  tool?: { name: string; given: unknown };
  /** The calls that the tool has made. Each has a kept answer of its own. */
  parts?: number;
  /** The calls whose answer was given before, and is given again. */
  replayed?: number;
}

export type { Identity, Principal };

/** A number of calls that was counted under a name: the id of a key, a person or an organization. */
export interface Taken {
  limiter: RateLimiterAbstract;
  name: string;
  calls: number;
}

/** What a call has taken from rates so far, to be given back where the call does not count. */
export type Counts = Taken[];

/** The state of a rate, for headers: of the caller's rate, or of the organization's where that rate ends first. */
export interface RateState {
  of: Identity['who']['type'] | 'organization';
  /** Calls in a window. */
  limit: number;
  /** Seconds of a window. */
  window: number;
  remaining: number;
  /** Seconds until the count begins anew. */
  reset: number;
}

/** The parts of a request that only the connection knows: the peer's address, and the headers as sent. */
export interface Incoming {
  /** The path of the address, without percent-encoding. */
  path?: string | undefined;
  remoteAddress?: string | undefined;
  rawHeaders?: readonly string[] | undefined;
  /** Without a connection, the request's own signal tells. */
  isGone?: (() => boolean) | undefined;
}

export function createContext(
  deps: Deps,
  request: Request,
  { path = '', remoteAddress, rawHeaders = [], isGone }: Incoming = {},
): Context {
  const { headers } = request;
  // Reads ignore the header.
  const key = request.method === 'GET' ? null : headers.get(IDEMPOTENCY_KEY);
  const forwarded = (name: string) => (deps.trustProxy ? headers.get(name) : null);
  return {
    deps,
    requestId: randomUUID(),
    arrivedAt: performance.now(),
    credential: readCredential(request),
    isAmbiguous: isSentTwice(rawHeaders),
    isGone: isGone ?? (() => request.signal.aborted),
    source: {
      address: callerAddress({ peer: remoteAddress, forwardedFor: forwarded('x-forwarded-for') }),
      userAgent: headers.get('user-agent') ?? undefined,
    },
    isHttps: isOverHttps({ publicUrl: deps.publicUrl, forwardedProto: forwarded('x-forwarded-proto') }),
    cors:
      deps.allowedOrigins.size === 0
        ? undefined
        : corsHeaders(deps.allowedOrigins, { path, origin: headers.get('origin') }),
    seen: {},
    idempotency: key === null ? undefined : { key: toText(key), path: [IDEMPOTENCY_KEY], calls: 1 },
  };
}

/** A header as text. Headers come with a character for each byte; bytes that are no UTF-8 stay such characters. */
function toText(header: string): string {
  const bytes = Buffer.from(header, 'latin1');
  return isUtf8(bytes) ? bytes.toString() : header;
}
