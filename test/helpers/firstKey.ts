import { openDatabase } from '../../db/open.ts';
import { parseKeySecrets } from '../../server/auth/keySecret.ts';
import { setUpOrganization } from '../../server/start/setup.ts';
import type { startService } from './service.ts';

type Service = Awaited<ReturnType<typeof startService>>;

/** A key of the service: the first key that the embedded service printed, or a key that is made as the command line does. */
export async function firstKey(
  service: Service,
  { DATABASE_URL: url, INTROZY_KEY_SECRETS: secrets }: Record<string, string>,
) {
  if (url === undefined) return service.output().match(/introzy_[0-9a-f]{64}/)?.[0] as string;
  const options = { url, poolSize: 1, deadline: 10_000, prepare: true };
  const db = await openDatabase({ kind: 'postgres', timeouts: { statement: 5_000, lock: 5_000 }, options });
  const owner = { name: 'One', email: 'one@example.com' };
  const made = await setUpOrganization(db, parseKeySecrets(secrets as string), owner).finally(() => db.close());
  return made?.issued.key as string;
}
