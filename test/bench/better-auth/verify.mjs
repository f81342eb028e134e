// Prints how many verifyApiKey calls a second better-auth answers, on the PostgreSQL of the first argument.
import { apiKey } from '@better-auth/api-key';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import pg from 'pg';

const [, , url, seconds, concurrency] = process.argv;
const options = {
  database: new pg.Pool({ connectionString: url, max: 10 }),
  secret: 'a secret for a benchmark, of more than thirty-two characters',
  baseURL: 'http://127.0.0.1',
  emailAndPassword: { enabled: true },
  // The limit itself is not the subject; the check that counts stays on.
  plugins: [apiKey({ rateLimit: { enabled: true, timeWindow: 60_000, maxRequests: 1_000_000_000 } })],
  logger: { disabled: true },
  telemetry: { enabled: false },
};
const { runMigrations } = await getMigrations(options);
await runMigrations();
const auth = betterAuth(options);
const email = `bench-${process.pid}@example.com`;
const { user } = await auth.api.signUpEmail({ body: { email, password: 'a long password', name: 'Bench' } });
const { key } = await auth.api.createApiKey({ body: { userId: user.id, name: 'bench' } });

const until = performance.now() + Number(seconds) * 1000;
const start = performance.now();
let checks = 0;
await Promise.all(
  Array.from({ length: Number(concurrency) }, async () => {
    while (performance.now() < until) {
      const { valid, error } = await auth.api.verifyApiKey({ body: { key } });
      if (!valid) throw new Error(JSON.stringify(error));
      checks += 1;
    }
  }),
);
console.log((checks / (performance.now() - start)) * 1000);
process.exit(0);
