import closeWithGrace from 'close-with-grace';
import { destination, pino } from 'pino';
import { listOrganizations } from '../db/organizations.ts';
import { createApp } from './doors/app.ts';
import { createMailer } from './mail/mailer.ts';
import { ConfigError, readConfig } from './start/config.ts';
import { createDeps } from './start/deps.ts';
import { startHourly } from './start/hourly.ts';
import { listen } from './start/listen.ts';
import { openLimiters } from './start/rates.ts';
import { curlLine, generatePassword, sampleContacts, setUpOrganization } from './start/setup.ts';
import { openStore, type Store } from './start/store.ts';

/** Milliseconds that the service has after SIGTERM to close everything. */
const CLOSE_WITHIN = 10_000;

async function start() {
  // New files, such as those in DATA_DIR, are for the user of this process alone.
  process.umask(0o077);
  const config = readConfig();
  // Log lines are written together, at most a second late: a write for each line would cost more than a request's work.
  const logTo = destination({ dest: 1, sync: false, minLength: 16_000, periodicFlush: 1_000 });
  const log = pino({ level: config.logLevel }, logTo);
  // Holds the parts that are open so far, to be closed in reverse order: a signal may come while the database is still
  // being migrated.
  const opened = new AsyncDisposableStack();
  closeWithGrace({ delay: CLOSE_WITHIN, logger: log }, async ({ err, signal }) => {
    if (err) log.fatal({ err }, 'the service fails');
    log.info({ signal }, 'the service drains');
    await opened.disposeAsync();
    log.info('the service has ended');
    logTo.flushSync();
  });

  const store = await openStore(config, 'requests');
  opened.defer(() => store.close());
  const { close: closeLimiters, ...limiters } = await openLimiters(config, log);
  opened.defer(closeLimiters);
  if (config.openSignUp && config.smtpUrl === undefined) {
    log.warn('OPEN_SIGNUP without SMTP_URL: the links that confirm addresses are in this log, for you to hand on');
  }
  const mail = createMailer({ smtpUrl: config.smtpUrl, from: config.mailFrom, log });
  const deps = createDeps({ ...config, db: store.db, log, keySecrets: store.keySecrets, mail, limiters });
  const hourly = startHourly(deps, store);
  opened.defer(() => hourly.end());
  opened.defer(() => deps.background.drain());
  // Runs before `hourly.end`, which may wait for a mail server: the uses of the last requests are recorded first.
  opened.defer(() => deps.lastUse.flush());
  const server = await listen(createApp(deps).fetch, { ...config, log });
  opened.defer(async () => {
    deps.draining.abort();
    await Promise.all([deps.lastUse.flush(), server.drain()]);
  });

  const address = config.publicUrl.replace(/:0$/, `:${server.port}`);
  if (config.databaseUrl === undefined) await welcome(store, address);
  log.info({ address, migrated: store.migrated }, 'the service listens');
}

/**
 * Prints the address of the embedded service. At the first start, also makes an organization, and prints the owner's
 * password, a first API key and a command to try the API.
 */
async function welcome({ db, keySecrets }: Store, address: string) {
  const lines = [`Introzy listens at ${address}`];
  if ((await listOrganizations(db.root)).length === 0) {
    const owner = { name: 'Example', email: 'owner@example.com', contacts: sampleContacts };
    const password = generatePassword();
    const made = await setUpOrganization(db, keySecrets, { ...owner, password });
    if (made) {
      // The account is there already where all organizations are erased, as its person was the owner before.
      const withPassword = made.isNewOwner
        ? `the password ${password}, shown only this once`
        : 'its password of before';
      lines.push(
        `Organization: ${owner.name}`,
        `Sign in at ${address} as ${owner.email} with ${withPassword}`,
        `First API key, shown only this once: ${made.issued.key}`,
        'Try it:',
        `  ${curlLine(made.issued.key, `${address}/api/contacts`)}`,
      );
    }
  }
  process.stdout.write(`\n${lines.join('\n')}\n\n`);
}

try {
  await start();
} catch (error) {
  if (error instanceof ConfigError) process.stderr.write(`introzy cannot start. ${error.message}\n`);
  else process.stderr.write(`introzy cannot start: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
}
