import type { Tenant } from '../../db/admission.ts';
import { TENANT_CALLS } from './tenantCalls.ts';
import type { WallsApp } from './victim.ts';

/** The outcome of an attempt to reach another organization. */
export interface Result {
  what: string;
  /** True where the attempt showed, changed or added something of the victim's. */
  isBreach: boolean;
  /** The SQLSTATE of the attempt's failure, or the error's message where the error has no SQLSTATE. */
  code: string | undefined;
}

/**
 * Makes every attempt of a function, once under each organization that the caller may name. Each attempt meets the same
 * rows in all tables, as what an attempt changes is undone.
 */
export async function tryCalls(
  app: WallsApp,
  name: string,
  { tenant, organizationIds }: { tenant: Tenant; organizationIds: string[] },
): Promise<Result[]> {
  const { victim, hasTwins } = app;
  const { organizationId: theirId, word } = victim;
  const unknown = [
    victim.keyId,
    victim.childId,
    victim.ownerId,
    victim.memberId,
    victim.userId,
    victim.contactId,
    victim.deletedContactId,
    victim.sharedContactId,
    victim.deletedSharedId,
    'currentVersion',
  ];
  const theirs = [theirId, word, ...(hasTwins ? [] : unknown)];
  const results: Result[] = [];
  for (const organizationId of organizationIds) {
    for (const [index, attempt] of (TENANT_CALLS[name] ?? []).entries()) {
      const outcome = await attempt(tenant, { app, organizationId, victim }).then(
        (answer) => ({ told: JSON.stringify(answer ?? null), code: undefined }),
        // Only the error's message counts as told: the error's detail may repeat values that the attempt itself sent.
        (error: Error & { code?: string }) => ({ told: error.message, code: error.code ?? error.message }),
      );
      const isLeak = theirs.some((text) => outcome.told.includes(text));
      const changed = await app.saved.restore();
      const isChange = changed.some((row) => row.includes(theirId) || row.includes(word));
      const caller = organizationId === app.one.id ? 'one' : 'other';
      results.push({ what: `${name} ${index} as ${caller}`, isBreach: isLeak || isChange, code: outcome.code });
    }
  }
  return results;
}
