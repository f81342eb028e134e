import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { asAccounts, asOperator } from '../../db/admission.ts';
import { DENIED, isSeparated, openSession } from '../helpers/attacker.ts';
import { testApp } from '../helpers/testApp.ts';

const separated = test.runIf(isSeparated);

separated('The accounts’ login reaches no contact and no key, and a tenant’s login no account', async () => {
  await using app = await testApp();
  await using session = await openSession(app);
  const accounts = asAccounts(session.db);
  for (const table of ['contacts', 'api_keys', 'api_key_secrets', 'api_key_places', 'api_key_notices', 'audit_log']) {
    const failure = await sql
      .raw(`select * from ${table}`)
      .execute(accounts)
      .catch((error: { code?: string }) => error);
    expect(failure, table).toMatchObject({ code: DENIED });
  }
  for (const role of ['introzy_app', 'introzy_lookup', 'introzy_owner', 'introzy_service']) {
    const failure = await sql
      .raw(`set role ${role}`)
      .execute(accounts)
      .catch((error: { code?: string }) => error);
    expect(failure, role).toMatchObject({ code: DENIED });
  }
});

/**
 * Each function of ours that a tenant may call, and why the function tells nothing of another organization. A new
 * function must be judged here.
 */
const JUDGED: Record<string, string> = {
  introzy_actor: 'the settings of the transaction, and a key under the policies',
  introzy_actor_holder: 'the settings of the transaction, and a secret under the policies',
  introzy_admit: 'takes a digest of a key; for instances of the version before',
  introzy_admit_key: 'takes a digest of a key; for instances of the version before',
  introzy_admit_key_from: 'takes a digest of a key',
  introzy_admit_person: 'takes the id of a session; for instances of the version before',
  introzy_admit_session: 'takes the id of a session, which no tenant can read',
  introzy_api_key_exists: 'a boolean',
  introzy_audit_api_key: 'a trigger',
  introzy_audit_deletion: 'a trigger',
  introzy_audit_erasure: 'a trigger',
  introzy_audit_factor: 'a trigger',
  introzy_audit_invitation: 'a trigger',
  introzy_audit_key_settings: 'a trigger',
  introzy_audit_member: 'a trigger',
  introzy_audit_names_of: 'its arguments alone',
  introzy_audit_organization: 'a trigger',
  introzy_audit_passkey: 'a trigger',
  introzy_audit_place: 'a trigger',
  introzy_audit_report: 'a trigger',
  introzy_audit_required_factor: 'a trigger',
  introzy_audit_session: 'a trigger',
  introzy_audit_token: 'a trigger',
  introzy_calling_secret: 'the settings of the transaction, and a secret under the policies',
  introzy_claim_answer: 'answers of the caller that is named, under the policies',
  introzy_contact_document: 'its arguments alone',
  introzy_contact_exists: 'a boolean',
  introzy_digest_invitation: 'a trigger',
  introzy_enter: 'sets the organization that the caller names; for instances of the version before',
  introzy_for_accounts: 'a boolean about the login',
  introzy_forget_answers: 'a trigger',
  introzy_found_contacts: 'ids, times and names of contacts of the organization of the transaction',
  introzy_hand_over: 'a trigger',
  introzy_hold_secret: 'a trigger',
  introzy_holder: 'its argument, and a key under the policies',
  introzy_identify:
    'takes a digest of a key, which no tenant can read of another organization; for instances of the version before',
  introzy_identify_key: 'takes a digest of a key, which no tenant can read of another organization',
  introzy_invitation_digest: 'its argument alone',
  introzy_json_size: 'its argument alone',
  introzy_keep_contact: 'a trigger',
  introzy_keep_contact_tags: 'a trigger',
  introzy_keep_contact_words: 'a trigger',
  introzy_key_families: 'ids of keys under the policies',
  introzy_lock_emails: 'gives nothing',
  introzy_matching_contacts: 'ids of the organization of the transaction',
  introzy_merge_patch: 'its arguments alone',
  introzy_newest_with_words: 'ids of contacts of the organization of the transaction',
  introzy_note_emails: 'a trigger',
  introzy_organization_id: 'the organization of the transaction',
  introzy_part_keys: 'its arguments alone',
  introzy_patched_fields: 'its arguments alone',
  introzy_refuse_audit_change: 'a trigger',
  introzy_require_scopes: 'its arguments alone',
  introzy_revoke_key: 'keys under the policies',
  introzy_revoke_keys: 'keys under the policies',
  introzy_role_scopes: 'its arguments alone',
  introzy_session_member: 'takes the id of a session, which no tenant can read',
  introzy_session_person: 'takes the id of a session, which no tenant can read',
  introzy_suspend_key: 'a trigger',
  introzy_take_emails: 'a trigger',
  introzy_unused_words: 'its own arguments, where no contact of the organization of the transaction has them',
  introzy_uuid_v7: 'a new id',
  introzy_word_keys: 'its arguments alone',
  introzy_words: 'its arguments alone',
};

separated('No function that a tenant may call tells an organization’s id without a secret', async () => {
  await using app = await testApp();
  const { rows } = await sql<{ name: string }>`
    select distinct proname::text as name from pg_proc p
      where pronamespace = 'public'::regnamespace and has_function_privilege('introzy_app', p.oid, 'execute')
        and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e') order by 1`.execute(
    app.db.root,
  );
  expect(rows.map(({ name }) => name)).toEqual(Object.keys(JUDGED));
  // Other sessions' statements can be seen, and never a parameter: an id of an organization is always a parameter.
  await app.api(app.other.key, 'GET', '/api/contacts');
  const tenant = asOperator(app.db, app.one.id);
  const seen = await sql<{ query: string }>`select query from pg_stat_activity where query <> ''`.execute(tenant);
  expect(seen.rows.length).toBeGreaterThan(0);
  for (const { query } of seen.rows) expect(query).not.toContain(app.other.id);
});
