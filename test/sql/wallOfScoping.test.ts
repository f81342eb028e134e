import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { TENANT_CALLS } from '../helpers/tenantCalls.ts';
import { tryCalls } from '../helpers/tryCalls.ts';
import { breakSearch, setPolicies, wallsApp } from '../helpers/victim.ts';

const names = Object.keys(TENANT_CALLS);

/**
 * An app whose only wall is the scoping: the policies are off, and the search past the policies ignores the
 * organization.
 */
async function scopedApp(options?: { hasTwins: boolean }) {
  const app = await wallsApp(options);
  await setPolicies(app, 'off');
  await breakSearch(app);
  return app;
}

/**
 * The failures of insertions whose other rows the scoping hides: an issued key carries its issuer's name, and a secret
 * or a place has a key.
 */
const HIDDEN: Record<string, string> = {
  insertApiKey: 'The API key is missing',
  insertSecret: '23503',
  reportOutsideUse: '23503',
};

test('With the policies off, the scoping of each function alone denies', async () => {
  await using app = await scopedApp();
  const tenant = asOperator(app.db, app.one.id);
  for (const name of names) {
    for (const { what, isBreach, code } of await tryCalls(app, name, { tenant, organizationIds: [app.one.id] })) {
      expect([isBreach, code], what).toEqual([false, HIDDEN[name]]);
    }
  }
  // Under the owner's name the same calls reach the rows, which shows that the calls would breach without the scoping.
  for (const name of names) {
    const results = await tryCalls(app, name, { tenant, organizationIds: [app.other.id] });
    expect(
      results.some(({ isBreach }) => isBreach),
      `${name} ${JSON.stringify(results)}`,
    ).toBe(true);
  }
});

test('With the policies off, of two rows of one id each organization has its own', async () => {
  await using app = await scopedApp({ hasTwins: true });
  const tenant = asOperator(app.db, app.one.id);
  for (const name of names) {
    const results = await tryCalls(app, name, { tenant, organizationIds: [app.one.id] });
    for (const { what, isBreach, code } of results) expect([isBreach, code], what).toEqual([false, undefined]);
  }
});
