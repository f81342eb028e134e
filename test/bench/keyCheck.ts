import { pino } from 'pino';
import { openDatabase } from '../../db/open.ts';
import { parseKeySecrets } from '../../server/auth/keySecret.ts';
import { identifyKeyHolder } from '../../server/auth/keys.ts';
import { createDeps } from '../../server/start/deps.ts';
import { REQUEST_LIMITS } from '../../server/start/store.ts';

/**
 * Prints how many checks of a key a second the service does in process. Arguments: the PostgreSQL's URL, seconds,
 * checks at the same time, the server secrets, the key.
 */
const [, , url = '', seconds = '', concurrency = '', secrets = '', key = ''] = process.argv;
const { deadline, ...timeouts } = REQUEST_LIMITS;
const db = await openDatabase({
  kind: 'postgres',
  timeouts,
  options: { url, poolSize: 10, deadline, prepare: true },
});
const deps = createDeps({ db, log: pino({ level: 'silent' }), keySecrets: parseKeySecrets(secrets), rateLimit: 1 });

const source = { address: '127.0.0.1', userAgent: undefined };

const start = performance.now();
const until = start + Number(seconds) * 1000;
let checks = 0;
await Promise.all(
  Array.from({ length: Number(concurrency) }, async () => {
    while (performance.now() < until) {
      const identified = await identifyKeyHolder(deps, { key, source });
      if (!identified.ok) throw new Error(identified.refusal);
      await identified.principal.admission.admit();
      checks += 1;
    }
  }),
);
console.log((checks / (performance.now() - start)) * 1000);
await db.close();
