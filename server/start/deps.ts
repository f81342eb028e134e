import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { Database } from '../../db/open.ts';
import type { Accounts, AccountsOptions } from '../auth/accounts.ts';
import type { KeySecrets } from '../auth/keySecret.ts';
import { createLastUse } from '../auth/lastUse.ts';
import { findPasskeyHost } from '../auth/passkeyHost.ts';
import { takeTurns } from '../auth/takeTurns.ts';
import { ACCOUNTS_PATH } from '../doors/accounts.ts';
import { ownOrigins } from '../http/sameOrigin.ts';
import { createBackground } from '../mail/background.ts';
import { createMailCap, type MailKind } from '../mail/mailCap.ts';
import { createMailer, type Mail, type Mailer } from '../mail/mailer.ts';
import { existingAccountMail, resetMail, verificationMail } from '../mail/messages.ts';
import { createBulk } from '../procedures/bulk.ts';
import type { Deps } from '../procedures/context.ts';
import { createTagCounts } from '../procedures/tagCounts.ts';
import { countInMemory, type Limiters } from './rates.ts';

interface Choices {
  db: Database;
  log: Logger;
  keySecrets: KeySecrets;
  rateLimit: number;
  organizationRateLimit?: number | undefined;
  /** Unless given, calls are counted in memory. */
  limiters?: Limiters;
  mail?: Mailer;
  publicUrl?: string;
  trustProxy?: boolean;
  allowedOrigins?: ReadonlySet<string>;
  deletedDays?: number | undefined;
  openSignUp?: boolean;
  /** Requests per minute: see `AccountsOptions`. 10 unless given. */
  signInRate?: number;
}

/** Puts the parts of the service together. */
export function createDeps(choices: Choices): Deps {
  const { db, log, keySecrets, publicUrl = 'http://127.0.0.1:3000', trustProxy = false } = choices;
  const { mail = createMailer({ smtpUrl: undefined, from: '', log }), openSignUp = false, signInRate = 10 } = choices;
  const { signInFailures, signInPauses, mailsOfAddress, ...limiters } = choices.limiters ?? countInMemory(choices);
  const passkeyHost = findPasskeyHost(publicUrl);
  const background = createBackground({ mail, log });
  const mailCap = createMailCap({ mailsOfAddress });
  /** Nobody is told that a mail is over the cap: the answer would tell that the address has an account. */
  const sendWithinCap = (kind: MailKind, message: Mail) =>
    background.run(async () => {
      if ((await mailCap.count(kind, message.to)) === undefined) return background.send(message);
      log.warn({ to: message.to, kind }, 'a mail is left out: its address has got too many within the hour');
    }, 'a mail is not sent');
  return {
    db,
    log,
    keySecrets,
    ...limiters,
    lastUse: createLastUse({ db, log }),
    keys: new LRUCache({ max: 100_000, ttl: 60_000 }),
    reported: new LRUCache({ max: 10_000, ttl: 3_600_000 }),
    redigesting: new Set(),
    inviting: new Map(),
    listTags: createTagCounts(),
    inBulk: createBulk(),
    inTurn: takeTurns(),
    accounts: loadAccounts({
      db,
      log,
      keySecrets,
      publicUrl,
      passkeyHost,
      openSignUp,
      signInRate,
      basePath: ACCOUNTS_PATH,
      trustedOrigins: (request) => ownOrigins(request, publicUrl),
      signInLimiters: { signInFailures, signInPauses },
      mails: {
        sendReset: (reset) => sendWithinCap('reset', resetMail({ ...reset, publicUrl })),
        sendVerification: (verification) =>
          sendWithinCap('verification', verificationMail({ ...verification, publicUrl })),
        sendExisting: ({ email }) => sendWithinCap('existing account', existingAccountMail({ email, publicUrl })),
      },
      inBackground: background.run,
    }),
    mail,
    mailCap,
    background,
    publicUrl,
    passkeyHost,
    trustProxy,
    allowedOrigins: choices.allowedOrigins ?? new Set(),
    deletedDays: choices.deletedDays,
    draining: new AbortController(),
  };
}

/** The accounts, which load better-auth at their first use: a service that only keys call never needs its modules. */
function loadAccounts(options: AccountsOptions): Accounts {
  let loading: Promise<Accounts> | undefined;
  const load = () => (loading ??= import('../auth/accounts.ts').then(({ createAccounts }) => createAccounts(options)));
  return {
    handle: async (request, address) => (await load()).handle(request, address),
    findSession: async (headers) => (await load()).findSession(headers),
  };
}
