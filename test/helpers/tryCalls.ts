import type { Tenant } from '../../db/admission.ts';
import { TENANT_CALLS } from './tenantCalls.ts';
import type { TestApp } from './testApp.ts';
import { makeVictim, readVictim } from './victim.ts';

/** The outcome of an attempt to reach another organization. */
export interface Result {
  what: string;
  /** True where the attempt showed, changed or added something of the victim's. */
  isBreach: boolean;
  /** The SQLSTATE of the attempt's failure, or the error's message where the error has no SQLSTATE. */
  code: string | undefined;
}

/** By app: the victim that no attempt has reached so far, which the next function's attempts meet too. */
const victims = new WeakMap<TestApp, Awaited<ReturnType<typeof makeVictim>>>();

/**
 * Makes every attempt of a function, once under each organization that the caller may name. With twins each function has
 * a victim of its own, as the attempts may change the twins.
 */
export async function tryCalls(
  app: TestApp,
  name: string,
  { tenant, organizationIds, hasTwins = false }: { tenant: Tenant; organizationIds: string[]; hasTwins?: boolean },
): Promise<Result[]> {
  const results: Result[] = [];
  let intact = hasTwins ? undefined : victims.get(app);
  for (const organizationId of organizationIds) {
    for (const [index, attempt] of (TENANT_CALLS[name] ?? []).entries()) {
      intact ??= await makeVictim(app, hasTwins);
      const { victim, before } = intact;
      const outcome = await attempt(tenant, { app, organizationId, victim }).then(
        (answer) => ({ told: JSON.stringify(answer ?? null), code: undefined }),
        // Only the error's message counts as told: the error's detail may repeat values that the attempt itself sent.
        (error: Error & { code?: string }) => ({ told: error.message, code: error.code ?? error.message }),
      );
      const {
        word,
        keyId,
        childId,
        ownerId,
        memberId,
        userId,
        contactId,
        deletedContactId,
        sharedContactId,
        deletedSharedId,
      } = victim;
      const unknown = [
        keyId,
        childId,
        ownerId,
        memberId,
        userId,
        contactId,
        deletedContactId,
        sharedContactId,
        deletedSharedId,
        'currentVersion',
      ];
      const theirs = [app.other.id, word, ...(hasTwins ? [] : unknown)];
      const isLeak = theirs.some((text) => outcome.told.includes(text));
      const isBreach = isLeak || (await readVictim(app, victim)) !== before;
      if (isBreach) intact = undefined;
      if (!hasTwins && intact) victims.set(app, intact);
      else victims.delete(app);
      const caller = organizationId === app.one.id ? 'one' : 'other';
      results.push({ what: `${name} ${index} as ${caller}`, isBreach, code: outcome.code });
    }
  }
  return results;
}
