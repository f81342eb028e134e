import closeWithGrace from 'close-with-grace';
import { destination, pino } from 'pino';
import { listOrganizations } from '../db/organizations.ts';
import { createApp } from './app.ts';
import { ConfigError, readConfig } from './config.ts';
import { createDeps } from './deps.ts';
import { listen } from './listen.ts';
import { addSampleContacts, setUpOrganization } from './setup.ts';
import { openStore, REQUEST_LIMITS, type Store } from './store.ts';

/** Milliseconds in which everything ends after SIGTERM. */
const CLOSE_WITHIN = 10_000;

async function start() {
  const config = readConfig();
  // Lines go out together, a second late at most: a write for each would cost more than the request's own work.
  const logTo = destination({ dest: 1, sync: false, minLength: 4_096, periodicFlush: 1_000 });
  const log = pino({ level: config.logLevel }, logTo);
  const store = await openStore(config, REQUEST_LIMITS);
  const deps = createDeps({ db: store.db, log, keySecrets: store.keySecrets, rateLimit: config.rateLimit });
  const server = await listen(createApp(deps), config);

  closeWithGrace({ delay: CLOSE_WITHIN, logger: log }, async ({ err, signal }) => {
    if (err) log.fatal({ err }, 'the service fails');
    log.info({ signal }, 'the service drains');
    deps.isDraining = true;
    await server.drain();
    await deps.lastUse.flush();
    await store.close();
    log.info('the service has ended');
    logTo.flushSync();
  });

  const address = config.publicUrl.replace(/:0$/, `:${server.port}`);
  if (config.databaseUrl === undefined) await welcome(store, address);
  log.info({ address, migrated: store.migrated }, 'the service listens');
}

/** What a person sees who starts the embedded service: the first time, also all that is needed to try it. */
async function welcome({ db, keySecrets }: Store, address: string) {
  const lines = [`Introzy listens at ${address}`];
  if ((await listOrganizations(db.root)).length === 0) {
    const owner = { name: 'Example', email: 'owner@example.com' };
    const made = await setUpOrganization(db, keySecrets, owner);
    if (made) {
      await addSampleContacts(db, made.organization.id);
      lines.push(
        `Organization: ${owner.name}, owner: ${owner.email}`,
        `First API key, shown only this once: ${made.issued.key}`,
        'Try it:',
        `  curl -H 'Authorization: Bearer ${made.issued.key}' ${address}/api/contacts`,
      );
    }
  }
  process.stdout.write(`\n${lines.join('\n')}\n\n`);
}

start().catch((error: unknown) => {
  if (error instanceof ConfigError) process.stderr.write(`introzy cannot start. ${error.message}\n`);
  else process.stderr.write(`introzy cannot start: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
