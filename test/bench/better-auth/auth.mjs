import { apiKey } from '@better-auth/api-key';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';

/** Makes better-auth with its API-key plugin on the pool's database, and a key of a new person. */
export async function createAuth(pool) {
  const options = {
    database: pool,
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
  return { auth, key };
}
