import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { type RateLimiterAbstract, RateLimiterMemory } from 'rate-limiter-flexible';
import type { Database } from '../../db/open.ts';
import { type Accounts, createAccounts } from '../auth/accounts.ts';
import type { KeySecrets } from '../auth/keySecret.ts';
import type { RememberedKey } from '../auth/keys.ts';
import { createLastUse, type LastUse } from '../auth/lastUse.ts';
import { createMailer, type Mailer } from '../mail/mailer.ts';

/** What the service is made of, handed to everything that needs some of it. */
export interface Deps {
  db: Database;
  log: Logger;
  keySecrets: KeySecrets;
  /** Calls a minute a key. Any store of rate-limiter-flexible will do; the one in memory counts for one instance. */
  rateLimiter: RateLimiterAbstract;
  lastUse: LastUse;
  /** What keys are, which never changes. Whether one is valid is asked of the database. */
  keys: LRUCache<string, RememberedKey>;
  /** The keys that are being moved to the newest server secret. */
  redigesting: Set<string>;
  accounts: Accounts;
  mail: Mailer;
  /** What others call the service. */
  publicUrl: string;
  /** The last address in X-Forwarded-For is the caller's. */
  trustProxy: boolean;
  /** Aborted as the service is about to end: it answers what is open, and takes on no more. */
  draining: AbortController;
}

interface Choices {
  db: Database;
  log: Logger;
  keySecrets: KeySecrets;
  rateLimit: number;
  rateLimiter?: RateLimiterAbstract;
  mail?: Mailer;
  publicUrl?: string;
  trustProxy?: boolean;
  openSignUp?: boolean;
  /** Attempts to sign in a minute from one address. */
  signInRate?: number;
}

/** Puts the service's parts together. */
export function createDeps(choices: Choices): Deps {
  const {
    db,
    log,
    keySecrets,
    rateLimit,
    rateLimiter,
    publicUrl = 'http://127.0.0.1:3000',
    trustProxy = false,
  } = choices;
  const { mail = createMailer({ smtpUrl: undefined, from: '', log }), openSignUp = false, signInRate = 10 } = choices;
  return {
    db,
    log,
    keySecrets,
    rateLimiter: rateLimiter ?? new RateLimiterMemory({ points: rateLimit, duration: 60 }),
    lastUse: createLastUse({ db, log }),
    keys: new LRUCache({ max: 100_000 }),
    redigesting: new Set(),
    accounts: createAccounts({ db, log, mail, keySecrets, publicUrl, openSignUp, signInRate }),
    mail,
    publicUrl,
    trustProxy,
    draining: new AbortController(),
  };
}
