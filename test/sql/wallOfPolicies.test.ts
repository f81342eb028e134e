import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { findUnlisted, TENANT_CALLS } from '../helpers/tenantCalls.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';
import { type Result, tryCalls } from '../helpers/tryCalls.ts';
import { unscoped } from '../helpers/unscoped.ts';
import { breakSearch, setPolicies, wallsApp } from '../helpers/victim.ts';

// In a file of its own, and so in a process of its own: prepared queries stay as they were compiled first.

const names = Object.keys(TENANT_CALLS);
/** Who is said to issue a key is not to be seen. */
const NO_ISSUER = 'The API key is missing';
/** SQLSTATEs of a refusal: 42501 by a policy, 23502 and 23503 as what a row needs was not to be seen; and its messages. */
const REFUSALS = [undefined, '42501', '23502', '23503', NO_ISSUER, 'no result'];

/** Makes all attempts as `one`, whose queries name no organization. */
async function tryUnscoped(app: TestApp, name: string): Promise<Result[]> {
  const tenant = asOperator(app.db, app.one.id).withPlugin(unscoped);
  return await tryCalls(app, name, { tenant, organizationIds: [app.one.id, app.other.id] });
}

test('Every function of db/ that takes a tenant is tried', async () => {
  expect(await findUnlisted()).toEqual([]);
  for (const name of names) expect(TENANT_CALLS[name]?.length, name).toBeGreaterThan(0);
});

test('With the scoping off, row-level security alone denies, whatever organization a call names', async () => {
  await using app = await wallsApp();
  for (const name of names) {
    for (const { what, isBreach, code } of await tryUnscoped(app, name)) {
      expect(isBreach, what).toBe(false);
      expect(REFUSALS, what).toContain(code);
    }
  }
  // Also where the search past the policies finds what is another organization's.
  await breakSearch(app);
  for (const { what, isBreach } of await tryUnscoped(app, 'listContacts')) expect(isBreach, what).toBe(false);
});

test('Inserting for another organization is what a policy refuses', async () => {
  await using app = await testApp();
  const tenant = asOperator(app.db, app.one.id);
  for (const name of ['insertApiKey', 'insertContact', 'upsertContacts', 'insertMember', 'insertInvitation']) {
    for (const { what, isBreach, code } of await tryCalls(app, name, { tenant, organizationIds: [app.other.id] })) {
      expect([isBreach, code], what).toEqual([false, name === 'insertApiKey' ? NO_ISSUER : '42501']);
    }
  }
});

test('With both walls off each function gets through, so that it is they that deny', async () => {
  await using app = await wallsApp();
  await breakSearch(app);
  await setPolicies(app, 'off');
  for (const name of names) {
    const results = await tryUnscoped(app, name);
    const some =
      name === 'listContacts' ? results.every(({ isBreach }) => isBreach) : results.some(({ isBreach }) => isBreach);
    expect(some, `${name} ${JSON.stringify(results)}`).toBe(true);
  }
});
