import { randomUUID } from 'node:crypto';
import { createTRPCClient, httpBatchLink } from '@trpc/client';
import { pino } from 'pino';
import { asOperator } from '../../db/admission.ts';
import type { Database } from '../../db/open.ts';
import { getOwner } from '../../db/people.ts';
import { generateKeySecret, type KeySecrets, parseKeySecrets } from '../../server/auth/keySecret.ts';
import { createApp } from '../../server/doors/app.ts';
import { createMailer } from '../../server/mail/mailer.ts';
import type { Deps } from '../../server/procedures/context.ts';
import type { AppRouter } from '../../server/procedures/router.ts';
import { createDeps } from '../../server/start/deps.ts';
import { issueKey, setUpOrganization } from '../../server/start/setup.ts';
import type { Scope } from '../../shared/apiKeys.ts';
import { transformer } from '../../shared/transformer.ts';
import { type Canaries, expectNoneKept, watchKeys } from './canaries.ts';
import { atFileEnd } from './fileEnd.ts';
import { expectNoSecretIn, forgetSecrets, watchMails, watchSecrets } from './secretsSeen.ts';
import type { Opened } from './tables.ts';
import { openTestDatabase, sharedTestDatabase } from './testDatabase.ts';

/**
 * The keys of the apps of the running test file. After the file's last app, one check looks for all keys in the
 * database.
 */
let watched: Canaries[] | undefined;
function sharedCanaries(opened: Opened) {
  if (!watched) {
    const some: Canaries[] = (watched = []);
    atFileEnd(async () => {
      watched = undefined;
      await expectNoneKept(opened, some);
      forgetSecrets();
    });
  }
  return watched;
}

export interface TestOrganization {
  id: string;
  name: string;
  /** A key with all scopes. */
  key: string;
  keyId: string;
  ownerId: string;
  ownerEmail: string;
}

interface TestAppOptions {
  /** True: the app has a database of its own, and not the database of the file's other tests. */
  isAlone?: boolean;
  rateLimit?: number;
  keySecrets?: KeySecrets;
  deps?: Partial<Deps>;
  /** Gives the database that the service uses, in place of the test's own. */
  watch?: (db: Database) => Database;
  /** Further options of `createDeps`. */
  choices?: Partial<Parameters<typeof createDeps>[0]>;
}

export const testSecrets = (count = 1) =>
  parseKeySecrets(Array.from({ length: count }, () => generateKeySecret()).join(','));

/**
 * Starts the service with two organizations, `one` and `other`. Tests call the app as a fetch handler, without a
 * socket.
 */
export async function testApp(options: TestAppOptions = {}) {
  const { db, served, url, adminUrl, logins, close } = await (options.isAlone
    ? openTestDatabase()
    : sharedTestDatabase());
  const keySecrets = options.keySecrets ?? testSecrets();
  const logs: string[] = [];
  const log = pino({}, { write: (line: string) => void logs.push(line) });
  const rateLimit = options.rateLimit ?? 1_000_000;
  const deps = Object.assign(
    createDeps({
      db: options.watch?.(served) ?? served,
      log,
      keySecrets,
      rateLimit,
      signInRate: 1_000_000,
      ...options.choices,
      mail: watchMails(options.choices?.mail ?? createMailer({ smtpUrl: undefined, from: '', log })),
    }),
    options.deps,
  );
  const app = createApp(deps);
  const canaries = watchKeys(app);
  watchSecrets(app);

  const organization = async (name: string): Promise<TestOrganization> => {
    const ownerEmail = `${name}-${randomUUID()}@example.com`;
    const made = await setUpOrganization(db, keySecrets, { name: `${name} ${randomUUID()}`, email: ownerEmail });
    if (!made) throw new Error('The organization exists');
    canaries.add(made.issued.key);
    return {
      id: made.organization.id,
      name: made.organization.name,
      key: made.issued.key,
      keyId: made.issued.apiKey.id,
      ownerId: made.issued.apiKey.createdBy.id,
      ownerEmail,
    };
  };

  const test = {
    app,
    db,
    deps,
    /** The database's URL; `undefined` for the embedded database. */
    url,
    adminUrl,
    /** The separate logins of the service; `undefined` with a single login. */
    logins,
    keySecrets,
    logs,
    one: await organization('one'),
    other: await organization('other'),

    /** Issues a key as the operator's command does. */
    async issue(organizationId: string, { name = 'a key', scopes }: { name?: string; scopes?: Scope[] } = {}) {
      const tenant = asOperator(db, organizationId);
      const issuedBy = { type: 'person', ...(await getOwner(tenant, organizationId)) } as const;
      const newKey = { organizationId, name, issuedBy, ...(scopes && { scopes }) };
      const issued = await issueKey(tenant, keySecrets, newKey);
      if ('failure' in issued) throw new Error(issued.failure);
      canaries.add(issued.key);
      return issued;
    },

    /** Calls REST with a key. The answer's `body` is the parsed JSON. */
    async api(
      key: string | undefined,
      method: string,
      path: string,
      body?: unknown,
      headers: Record<string, string> = {},
    ) {
      const response = await app.request(path, {
        method,
        headers: {
          ...(key !== undefined && { authorization: `Bearer ${key}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      // biome-ignore lint/suspicious/noExplicitAny: an answer of any route
      const json: any = text === '' ? undefined : JSON.parse(text);
      return { status: response.status, headers: response.headers, body: json, text };
    },

    /** A tRPC client with a key. Each call has a request of its own, unless `maxItems` allows batches. */
    trpc(key: string | undefined, maxItems = 1) {
      return createTRPCClient<AppRouter>({
        links: [
          httpBatchLink({
            url: 'http://introzy.test/trpc',
            transformer,
            maxItems,
            headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
            fetch: (input, init) => Promise.resolve(app.request(input as string, init as RequestInit)),
          }),
        ],
      });
    },

    async [Symbol.asyncDispose]() {
      await deps.background.drain();
      await deps.lastUse.flush();
      canaries.expectNoneIn(logs.join(''), 'the log');
      // Without a mail server, the log has the links of mails.
      expectNoSecretIn(logs.join(''), 'the log', ['password', 'cookie']);
      canaries.expectOneAnswerEach();
      if (!options.isAlone) return void sharedCanaries(test).push(canaries);
      await expectNoneKept(test, [canaries]);
      await close();
    },
  };
  return test;
}

export type TestApp = Awaited<ReturnType<typeof testApp>>;
