// Prints how many verifyApiKey calls a second better-auth answers. Arguments: the PostgreSQL's URL, seconds, calls at the
// same time.
import pg from 'pg';
import { createAuth } from './auth.mjs';

const [, , url, seconds, concurrency] = process.argv;
const { auth, key } = await createAuth(new pg.Pool({ connectionString: url, max: 10 }));

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
