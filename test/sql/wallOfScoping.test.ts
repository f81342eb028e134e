import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { TENANT_CALLS } from '../helpers/tenantCalls.ts';
import { tryCalls } from '../helpers/tryCalls.ts';
import { breakSearch, setPolicies, wallsApp } from '../helpers/victim.ts';

const names = Object.keys(TENANT_CALLS);

/** A database whose queries have no wall but the scoping: the search past the policies names the organization too. */
async function scopedApp() {
  const app = await wallsApp();
  await setPolicies(app, 'off');
  await breakSearch(app);
  return app;
}

test('With the policies off, the scoping of each function alone denies', async () => {
  await using app = await scopedApp();
  const tenant = asOperator(app.db, app.one.id);
  for (const name of names) {
    for (const { what, isBreach, code } of await tryCalls(app, name, { tenant, organizationIds: [app.one.id] })) {
      // A key has the name of its issuer, which is not to be seen.
      const isMissing = name === 'insertApiKey';
      expect([isBreach, code], what).toEqual([false, isMissing ? 'The API key is missing' : undefined]);
    }
  }
  // The same calls do reach what is there, for whom they name as its owner.
  for (const name of names) {
    const results = await tryCalls(app, name, { tenant, organizationIds: [app.other.id] });
    expect(
      results.some(({ isBreach }) => isBreach),
      `${name} ${JSON.stringify(results)}`,
    ).toBe(true);
  }
});

test('With the policies off, of two rows of one id each organization has its own', async () => {
  await using app = await scopedApp();
  const tenant = asOperator(app.db, app.one.id);
  for (const name of names) {
    const results = await tryCalls(app, name, { tenant, organizationIds: [app.one.id], hasTwins: true });
    for (const { what, isBreach, code } of results) expect([isBreach, code], what).toEqual([false, undefined]);
  }
});
