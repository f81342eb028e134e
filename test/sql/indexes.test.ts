import { expect, test } from 'vitest';
import { deleteExpiredSessions } from '../../db/accounts.ts';
import { asAccounts, asOperator } from '../../db/admission.ts';
import { listAuditEntries } from '../../db/audit.ts';
import { type ContactListQuery, listContacts } from '../../db/contactList.ts';
import { listOrganizationsToNotify } from '../../db/expiryNotices.ts';
import { watchScans } from '../helpers/scans.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const OLD = 3_000;
const DELETED = 12_000;
const insertContacts = (app: TestApp, count: number, deleted: boolean) =>
  runAsAdmin(
    app,
    `insert into contacts (organization_id, id, name, name_key, deleted_at)
      select '${app.one.id}', ('01890000-0000-7000-${deleted ? 9 : 8}000-' || lpad(to_hex(n), 12, '0'))::uuid, 'Ada ' || n, 'ada ' || n,
        ${deleted ? 'now()' : 'null'} from generate_series(1, ${count}) n`,
  );

/** PostgreSQL makes a plan for the values at the first five executions, and may take a general plan afterwards. */
const EXECUTIONS = 8;

test.each<[string, (app: TestApp) => Promise<void>]>([
  ['without statistics', async () => {}],
  [
    'with statistics from before the deletion',
    async (app) => {
      await insertContacts(app, DELETED, true);
      await runAsAdmin(app, 'update contacts set deleted_at = null');
      await runAsAdmin(app, 'analyze contacts');
      await runAsAdmin(app, `update contacts set deleted_at = now() where id > '01890000-0000-7000-9000-000000000000'`);
      // Removes old row versions from the index, and leaves the statistics of columns.
      await runAsAdmin(app, 'vacuum contacts');
    },
  ],
  [
    'with statistics',
    async (app) => {
      await insertContacts(app, DELETED, true);
      await runAsAdmin(app, 'analyze contacts');
    },
  ],
])('A list reads no deleted contact, however many are newer, %s', async (_, prepare) => {
  await using app = await testApp({ isAlone: true });
  await runAsAdmin(app, `alter table contacts set (autovacuum_enabled = false)`);
  await insertContacts(app, OLD, false);
  await prepare(app);
  const base: ContactListQuery = { organizationId: app.one.id, limit: 50, includeDeleted: false };
  for (const query of [base, { ...base, updatedSince: new Date(0) }, { ...base, search: 'ada' }]) {
    await asOperator(app.db, app.one.id)
      .transaction()
      .execute(async (trx) => {
        const list = async () => {
          for (let n = 0; n < EXECUTIONS; n++) await listContacts(trx, query);
        };
        const { contacts, contacts_living } = await watchScans(trx, ['contacts', 'contacts_living'], list);
        // A search tries a sample first, up to the first match, and then contacts until a page of 51 is full.
        const isSearch = 'search' in query;
        expect([contacts.scans, contacts_living.scans]).toEqual([0, EXECUTIONS * (isSearch ? 2 : 1)]);
        // A page has 51 contacts, and the first window of other conditions 300. The index counts an entry and its row.
        const each = query === base ? 51 : isSearch ? 1 + 51 : 300;
        expect(contacts_living.rows).toBe(EXECUTIONS * each * 2);
      });
  }
});

test('Everything works before the index of the living is built', async () => {
  await using app = await testApp({ isAlone: true });
  await insertContacts(app, 100, false);
  await insertContacts(app, 100, true);
  await runAsAdmin(app, 'drop index contacts_living');
  const page = await app.api(app.one.key, 'GET', '/api/contacts?limit=200');
  expect(page.body.data).toHaveLength(100);
});

test('What is looked up every hour, and a rare action of the audit log, is found by an index among many rows', async () => {
  await using app = await testApp({ isAlone: true });
  const MANY = 20_000;
  const some = `from generate_series(1, ${MANY}) n`;
  for (const statement of [
    `insert into sessions (id, user_id, token, expires_at)
      select gen_random_uuid(), '${app.one.ownerId}', n::text, now() + interval '1 day' ${some}`,
    `insert into verifications (id, identifier, value, expires_at) select gen_random_uuid(), n::text, '', now() + interval '1 day' ${some}`,
    `insert into api_keys (organization_id, id, name, hint, scopes, created_by_type, created_by_id, created_by_name, expires_at)
      select '${app.one.id}', gen_random_uuid(), 'a key', '', '{}', 'key', '', '', now() + interval '90 days' ${some}`,
    `insert into audit_log (organization_id, actor, action, subject) select '${app.one.id}', '{}', 'apiKey.usedFrom', '{}' ${some}`,
    'analyze sessions, verifications, api_keys, audit_log',
  ]) {
    await runAsAdmin(app, statement);
  }
  await asAccounts(app.db)
    .transaction()
    .execute(async (trx) => {
      const names = ['sessions', 'sessions_expiring', 'verifications', 'verifications_expiring'];
      expect(await watchScans(trx, names, () => deleteExpiredSessions(trx))).toEqual({
        sessions: { scans: 0, rows: 0 },
        sessions_expiring: { scans: 1, rows: 0 },
        verifications: { scans: 0, rows: 0 },
        verifications_expiring: { scans: 1, rows: 0 },
      });
      const notifying = () => listOrganizationsToNotify(trx);
      expect(await watchScans(trx, ['api_keys', 'api_keys_expiring'], notifying)).toEqual({
        api_keys: { scans: 0, rows: 0 },
        api_keys_expiring: { scans: 1, rows: 0 },
      });
    });
  await asOperator(app.db, app.one.id)
    .transaction()
    .execute(async (trx) => {
      const query = { organizationId: app.one.id, limit: 50, action: 'member.joined' } as const;
      const listing = async () => expect((await listAuditEntries(trx, query)).items).toHaveLength(1);
      expect(await watchScans(trx, ['audit_log', 'audit_log_action', 'audit_log_pkey'], listing)).toEqual({
        audit_log: { scans: 0, rows: 0 },
        audit_log_action: { scans: 1, rows: 2 },
        audit_log_pkey: { scans: 0, rows: 0 },
      });
    });
});

test('A backlog of expired sessions and verifications is worked off in batches', async () => {
  await using app = await testApp({ isAlone: true });
  const MANY = 5_500;
  await runAsAdmin(
    app,
    `insert into sessions (id, user_id, token, expires_at)
      select gen_random_uuid(), '${app.one.ownerId}', n::text, now() - interval '1 day' from generate_series(1, ${MANY}) n`,
  );
  const stopped = AbortSignal.abort();
  await deleteExpiredSessions(asAccounts(app.db), stopped);
  expect(await runAsAdmin(app, 'select count(*)::int as count from sessions')).toEqual([{ count: MANY }]);
  await deleteExpiredSessions(asAccounts(app.db));
  expect(await runAsAdmin(app, 'select count(*)::int as count from sessions')).toEqual([{ count: 0 }]);
});
