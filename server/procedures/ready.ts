import { ping } from '../../db/open.ts';
import { fault } from '../http/errors.ts';
import type { Deps } from './context.ts';

/** Throws 503 while the service drains, and `DatabaseUnavailable` while the database does not answer. */
export async function requireReady({ db, draining }: Pick<Deps, 'db' | 'draining'>): Promise<void> {
  if (draining.signal.aborted) throw fault('SERVICE_UNAVAILABLE', { headers: { 'Retry-After': '1' } });
  await ping(db);
}
