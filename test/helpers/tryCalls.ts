import type { Tenant } from '../../db/admission.ts';
import { TENANT_CALLS } from './tenantCalls.ts';
import type { TestApp } from './testApp.ts';
import { makeVictim, readVictim, type Victim } from './victim.ts';

/** What an attempt on another organization came to. */
export interface Result {
  what: string;
  /** It answered with something of the victim's, or changed it, or added to it. */
  isBreach: boolean;
  /** The SQLSTATE that it failed with. */
  code: string | undefined;
}

/** Makes every attempt of a function, under each of the names that the caller may give. */
export async function tryCalls(
  app: TestApp,
  name: string,
  { tenant, organizationIds, hasTwins = false }: { tenant: Tenant; organizationIds: string[]; hasTwins?: boolean },
): Promise<Result[]> {
  const results: Result[] = [];
  let intact: { victim: Victim; before: string } | undefined;
  for (const organizationId of organizationIds) {
    for (const [index, attempt] of (TENANT_CALLS[name] ?? []).entries()) {
      intact ??= await makeVictim(app, hasTwins);
      const { victim, before } = intact;
      const outcome = await attempt(tenant, { app, organizationId, victim }).then(
        (answer) => ({ told: JSON.stringify(answer ?? null), code: undefined }),
        // Of an error its message: its detail may repeat what the attempt itself said.
        (error: Error & { code?: string }) => ({ told: error.message, code: error.code ?? error.message }),
      );
      const { word, keyId, ownerId, memberId, userId, contactId, deletedContactId, sharedContactId, deletedSharedId } =
        victim;
      const unknown = [
        keyId,
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
      const caller = organizationId === app.one.id ? 'one' : 'other';
      results.push({ what: `${name} ${index} as ${caller}`, isBreach, code: outcome.code });
    }
  }
  return results;
}
