import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { findUnlisted, TENANT_CALLS } from '../helpers/tenantCalls.ts';
import { type Result, tryCalls } from '../helpers/tryCalls.ts';
import { unscoped } from '../helpers/unscoped.ts';
import { breakSearch, setPolicies, type WallsApp, wallsApp } from '../helpers/victim.ts';

// A file of its own has a process of its own: prepared queries stay as they were first compiled, scoped or unscoped.

const names = Object.keys(TENANT_CALLS);
/** The message of the failure where the policies hide the issuing key. */
const NO_ISSUER = 'The API key is missing';
/**
 * The code of an attempt: `undefined` (the call did not fail), 42501 (a policy refused), 23502 or 23503 (the policies
 * hid a row that the new row needs), or the failure's message.
 */
const REFUSALS = [undefined, '42501', '23502', '23503', NO_ISSUER, 'no result'];

/** Makes all attempts of a function as `one`, with queries that name no organization. */
async function tryUnscoped(app: WallsApp, name: string): Promise<Result[]> {
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
  // The policies deny even where the search past the policies finds another organization's contacts.
  await breakSearch(app);
  for (const { what, isBreach } of await tryUnscoped(app, 'listContacts')) expect(isBreach, what).toBe(false);
});

test('Inserting for another organization is what a policy refuses', async () => {
  await using app = await wallsApp();
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
