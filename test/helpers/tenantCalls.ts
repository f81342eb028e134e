import { hash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { CompiledQuery, sql } from 'kysely';
import { inTransaction, type Tenant } from '../../db/admission.ts';
import * as apiKeys from '../../db/apiKeys.ts';
import { listAuditEntries } from '../../db/audit.ts';
import { sealEntries } from '../../db/auditSeals.ts';
import { lockAddresses } from '../../db/contactAddresses.ts';
import { getContacts } from '../../db/contactBatch.ts';
import { type ContactsChange, updateContacts } from '../../db/contactChanges.ts';
import type { Conditions } from '../../db/contactConditions.ts';
import { eraseContacts, eraseDeletedContacts } from '../../db/contactErasure.ts';
import { type ContactListQuery, listContacts } from '../../db/contactList.ts';
import { lockNamed, toNamed } from '../../db/contactMatch.ts';
import { countContacts, findMatching } from '../../db/contactMatches.ts';
import * as contacts from '../../db/contacts.ts';
import { countTags, listWritten } from '../../db/contactTagCounts.ts';
import { upsertContacts } from '../../db/contactUpsert.ts';
import { forgetAllLostWords, forgetLostWords } from '../../db/contactWords.ts';
import { AnswerKept } from '../../db/errors.ts';
import {
  claimExpiryNotice,
  deletePastNotices,
  type ExpiryNotice,
  markExpiryNotice,
  returnExpiryNotice,
} from '../../db/expiryNotices.ts';
import { listHeldKeys, settleHeldKeys } from '../../db/heldKeys.ts';
import * as invitations from '../../db/invitations.ts';
import * as keptAnswers from '../../db/keptAnswers.ts';
import { keepKeys, listDescendants, revokeFamilies, revokeKeys } from '../../db/keyFamily.ts';
import { listKeyPlaces, reportOutsideUse } from '../../db/keyPlaces.ts';
import * as keyRotation from '../../db/keyRotation.ts';
import { insertSecret, listLiveSecrets } from '../../db/keySecrets.ts';
import { endCallingToken, getCallingToken, insertToken } from '../../db/keyTokens.ts';
import * as keyUsage from '../../db/keyUsage.ts';
import * as keyUse from '../../db/keyUse.ts';
import * as members from '../../db/members.ts';
import { getOrganization, updateRequiredFactor } from '../../db/organizations.ts';
import { getCurrentSession, getOwner } from '../../db/people.ts';
import { isRecentlyProved } from '../../db/proofs.ts';
import { insertAwaitedOwner } from '../../db/verifiedAddress.ts';
import { mintKey } from '../../server/auth/keySecret.ts';
import type { UpsertRow } from '../../shared/contactRows.ts';
import { ContactSort } from '../../shared/contactSort.ts';
import { SCOPES } from '../../shared/scopes.ts';

import { addPerson } from './browser.ts';
import { runAsAdmin } from './tables.ts';
import type { TestApp } from './testApp.ts';
import { CLAIMED_UNTIL, KEY_DIGEST, NOTICE_FOR, type Victim } from './victim.ts';

/** The call's app and victim. `organizationId` is the organization that the caller names. */
interface Attempt {
  app: TestApp;
  organizationId: string;
  victim: Victim;
}

type TenantCall = (db: Tenant, attempt: Attempt) => Promise<unknown>;

const newSecret = ({ keySecrets }: TestApp) => {
  const { key: _, ...secret } = mintKey(keySecrets);
  return secret;
};

const insertKey =
  (issuedBy: (victim: Victim) => apiKeys.IssuedBy): TenantCall =>
  (db, { app, organizationId, victim }) =>
    apiKeys.insertApiKey(db, {
      organizationId,
      name: 'slipped in',
      scopes: [...SCOPES],
      issuedBy: issuedBy(victim),
      expiresInDays: 30,
      secret: newSecret(app),
    });

const list =
  (query: (victim: Victim) => Partial<ContactListQuery>): TenantCall =>
  (db, { organizationId, victim }) =>
    listContacts(db, { organizationId, limit: 1, includeDeleted: true, ...query(victim) }).then((outcome) =>
      'failure' in outcome ? outcome : outcome.items,
    );

/** Conditions that contacts of the victim meet, and few others or none. */
const conditionsOf = ({ word, email, sharedContactId }: Victim): Conditions[] => [
  { search: word },
  { tag: word },
  { company: word },
  { email },
  { ids: [sharedContactId] },
  { createdSince: new Date(0) },
];
const matching =
  (index: number): TenantCall =>
  async (db, { organizationId, victim }) =>
    await findMatching(db, {
      organizationId,
      conditions: { ...conditionsOf(victim)[index], includeDeleted: true },
      limit: 2_000,
    });
/** Gives the email that was counted. */
const counting =
  (conditions: (victim: Victim) => Conditions): TenantCall =>
  async (db, { organizationId, victim }) => {
    const counted = await countContacts(db, { organizationId, conditions: conditions(victim) });
    return 'count' in counted && counted.count > 0 ? victim.word : counted;
  };

const upsert =
  (rowsOf: (email: string) => UpsertRow['input'][], merge = false): TenantCall =>
  (db, { organizationId, victim }) => {
    const rows = [...rowsOf(victim.email), ...rowsOf(victim.sharedEmail)].map((input, index) => ({ index, input }));
    return upsertContacts(db, { organizationId, rows, merge });
  };

const changeMany =
  (change: (victim: Victim) => Omit<ContactsChange, 'organizationId'>): TenantCall =>
  (db, { organizationId, victim }) =>
    updateContacts(db, { organizationId, ...change(victim) });
/** Rows that name the victim's contact by its id, by its other email and by its LinkedIn address. */
const rowsNaming = ({ contactId, otherEmail, linkedin }: Victim): Omit<UpsertRow, 'index'>[] => [
  { id: contactId, input: { name: 'taken' } },
  { input: { name: 'taken', email: 'own@example.com', otherEmails: [otherEmail] } },
  { input: { name: 'taken', linkedinUrl: linkedin } },
];

/** An id that sorts before every id. */
const NO_ID = '00000000-0000-0000-0000-000000000000';

/** The notice of the victim's key that is being sent. */
const claimedNotice = ({ keyId, ownerId }: Victim) =>
  ({
    keyId,
    userId: ownerId,
    days: 1,
    isFirst: true,
    expiresAt: new Date(NOTICE_FOR),
    claimedUntil: new Date(CLAIMED_UNTIL),
  }) as ExpiryNotice;

/** Makes a call in a transaction that seems to be the victim's token's. */
const asVictimsToken =
  (call: (trx: Tenant, organizationId: string) => Promise<unknown>): TenantCall =>
  (db, { organizationId, victim }) =>
    inTransaction(db, async (trx) => {
      await sql`select set_config('introzy.token', ${hash('sha256', `${victim.keyId}new`)}, true)`.execute(trx);
      return await call(trx, organizationId);
    });

/** A call of the victim's key, with the key's idempotency key. */
const keyedCall = ({ organizationId, victim }: Attempt) => ({
  organizationId,
  callerId: victim.keyId,
  keyDigest: KEY_DIGEST,
});
const run = async (db: Tenant, { sql: text, parameters }: { sql: string; parameters: readonly unknown[] }) =>
  (await db.executeQuery(CompiledQuery.raw(text, [...parameters]))).rows;

/** By each function of db/ that takes a tenant: calls that try to reach another organization's rows. */
export const TENANT_CALLS: Record<string, TenantCall[]> = {
  getApiKey: [(db, { organizationId, victim }) => apiKeys.getApiKey(db, { organizationId, id: victim.keyId })],
  selectApiKey: [(db, { organizationId, victim }) => apiKeys.selectApiKey(db, { organizationId, id: victim.keyId })],
  listApiKeys: [
    (db, { organizationId }) => apiKeys.listApiKeys(db, { organizationId, limit: 200 }),
    (db, { organizationId, victim }) => apiKeys.listApiKeys(db, { organizationId, limit: 1, cursor: victim.keyId }),
  ],
  insertApiKey: [
    insertKey(({ ownerId }) => ({ type: 'person', id: ownerId })),
    insertKey(({ keyId }) => ({ type: 'key', id: keyId })),
  ],
  updateApiKey: [
    (db, { organizationId, victim }) =>
      apiKeys.updateApiKey(db, {
        organizationId,
        id: victim.keyId,
        settings: { name: 'taken', description: null, allowedAddresses: ['10.0.0.0/8'], rateLimit: 1 },
      }),
  ],
  endGrace: [(db, { organizationId, victim }) => keyRotation.endGrace(db, { organizationId, id: victim.keyId })],
  revokeApiKey: (['revoke', 'keep'] as const).map(
    (descendants): TenantCall =>
      (db, { organizationId, victim }) =>
        apiKeys.revokeApiKey(db, { organizationId, id: victim.keyId, descendants }),
  ),
  getCurrentKey: [(db, { organizationId, victim }) => apiKeys.getCurrentKey(db, { organizationId, id: victim.keyId })],
  listLiveSecrets: [(db, { organizationId, victim }) => listLiveSecrets(db, { organizationId, id: victim.keyId })],
  listDescendants: [(db, { organizationId, victim }) => listDescendants(db, { organizationId, ids: [victim.keyId] })],
  revokeFamilies: [(db, { organizationId, victim }) => revokeFamilies(db, { organizationId, ids: [victim.keyId] })],
  insertSecret: [
    (db, { app, organizationId, victim }) =>
      insertSecret(db, { organizationId, id: victim.keyId, secret: newSecret(app), expiresInDays: 30 }),
  ],
  insertToken: [
    (db, { app, organizationId, victim }) =>
      insertToken(db, {
        organizationId,
        id: victim.keyId,
        scopes: SCOPES,
        expiresInMinutes: 5,
        secret: newSecret(app),
      }),
  ],
  endCallingToken: [asVictimsToken(endCallingToken)],
  getCallingToken: [
    // Without a token the function throws.
    asVictimsToken((trx, organizationId) => getCallingToken(trx, organizationId).catch(() => undefined)),
  ],
  reportOutsideUse: [
    (db, { organizationId, victim }) =>
      reportOutsideUse(db, {
        organizationId,
        keyId: victim.keyId,
        place: { address: '203.0.113.0/24', userAgent: 'curl' },
      }),
  ],
  revokeKeys: [(db, { organizationId, victim }) => revokeKeys(db, { organizationId, ids: [victim.keyId] })],
  keepKeys: [
    (db, { organizationId, victim }) => keepKeys(db, { organizationId, ids: [victim.keyId] }),
    (db, { organizationId, victim }) => keepKeys(db, { organizationId, ids: [victim.keyId], heldBy: victim.userId }),
  ],
  listHeldKeys: [
    (db, { organizationId, victim }) => listHeldKeys(db, { organizationId, userId: victim.ownerId }),
    (db, { organizationId, victim }) => listHeldKeys(db, { organizationId, userId: victim.userId }),
  ],
  settleHeldKeys: [
    (db, { organizationId, victim }) =>
      settleHeldKeys(db, { organizationId, userId: victim.ownerId, keep: [victim.keyId] }),
    (db, { organizationId, victim }) => settleHeldKeys(db, { organizationId, userId: victim.ownerId, keep: [] }),
  ],
  getMember: [(db, { organizationId, victim }) => members.getMember(db, { organizationId, id: victim.memberId })],
  rotateApiKey: [
    (db, { app, organizationId, victim }) =>
      keyRotation.rotateApiKey(db, {
        organizationId,
        id: victim.keyId,
        scopes: SCOPES,
        graceHours: 0,
        graceFrom: 'now',
        secret: newSecret(app),
      }),
  ],
  listKeyPlaces: [(db, { organizationId, victim }) => listKeyPlaces(db, { organizationId, id: victim.keyId })],
  listKeyUsage: [
    (db, { organizationId }) => keyUsage.listKeyUsage(db, { organizationId }),
    (db, { organizationId, victim }) => keyUsage.listKeyUsage(db, { organizationId, id: victim.keyId }),
    (db, { organizationId, victim }) => keyUsage.listKeyUsage(db, { organizationId, createdBy: victim.ownerId }),
  ],
  deleteOldKeyUsage: [(db, { organizationId }) => keyUsage.deleteOldKeyUsage(db, organizationId)],
  claimExpiryNotice: [(db, { organizationId }) => claimExpiryNotice(db, { organizationId })],
  markExpiryNotice: [
    (db, { organizationId, victim }) => markExpiryNotice(db, { organizationId, notice: claimedNotice(victim) }),
  ],
  returnExpiryNotice: [
    (db, { organizationId, victim }) => returnExpiryNotice(db, { organizationId, notice: claimedNotice(victim) }),
  ],
  deletePastNotices: [(db, { organizationId }) => deletePastNotices(db, organizationId)],
  sealEntries: [
    // Entries of another organization in a seal are a breach, which no row of the other organization shows.
    async (db, { app, organizationId }) => [
      await sealEntries(db, { organizationId, after: NO_ID }),
      await runAsAdmin(
        app,
        `select a.organization_id from audit_seal_entries e join audit_log a on a.id = e.id
          where a.organization_id <> e.organization_id`,
      ),
    ],
  ],
  listAuditEntries: [
    (db, { organizationId }) => listAuditEntries(db, { organizationId, limit: 200 }),
    (db, { organizationId, victim }) =>
      listAuditEntries(db, { organizationId, limit: 10, subjectId: victim.keyId, action: 'apiKey.usedFrom' }),
  ],
  getCurrentSession: [
    (db, { organizationId, victim }) => getCurrentSession(db, { organizationId, userId: victim.userId }),
  ],
  isRecentlyProved: [
    async (db, { organizationId, victim }) =>
      (await isRecentlyProved(db, { organizationId, sessionId: victim.userId })) ? victim.word : undefined,
  ],
  getOrganization: [(db, { organizationId }) => getOrganization(db, organizationId)],
  updateRequiredFactor: [(db, { organizationId }) => updateRequiredFactor(db, { organizationId, isRequired: true })],
  getOwner: [(db, { organizationId }) => getOwner(db, organizationId)],
  listMembers: [(db, { organizationId }) => members.listMembers(db, organizationId)],
  insertMember: [
    async (db, { app, organizationId }) => {
      const { userId } = await addPerson(app, 'slipped in');
      await members.insertMember(db, { organizationId, userId, role: 'owner' });
    },
  ],
  updateMemberRole: [
    (db, { organizationId, victim }) =>
      members.updateMemberRole(db, { organizationId, id: victim.memberId, by: 'owner', role: 'admin' }),
  ],
  deleteMember: [
    (db, { organizationId, victim }) =>
      members.deleteMember(db, {
        organizationId,
        id: victim.memberId,
        by: 'owner',
        callerId: victim.ownerId,
        keepKeys: [victim.keyId],
      }),
  ],
  insertAwaitedOwner: [
    (db, { app, organizationId }) =>
      insertAwaitedOwner(db, { organizationId, userId: app.one.ownerId, email: 'slipped-in-later@example.com' }),
  ],
  listInvitations: [(db, { organizationId }) => invitations.listInvitations(db, organizationId)],
  insertInvitation: [
    (db, { app, organizationId }) =>
      invitations.insertInvitation(db, {
        organizationId,
        email: 'slipped-in@example.com',
        role: 'owner',
        inviterId: app.one.ownerId,
        by: 'owner',
      }),
  ],
  cancelInvitation: [
    (db, { organizationId, victim }) => invitations.cancelInvitation(db, { organizationId, id: victim.invitationId }),
  ],
  redigestSecret: [
    (db, { organizationId, victim }) =>
      keyUse.redigestSecret(db, {
        organizationId,
        digests: [victim.digest],
        digest: Buffer.alloc(32, 7),
        secretId: 'another',
      }),
  ],
  recordKeyUses: [
    (db, { organizationId, victim }) =>
      keyUse.recordKeyUses(db, { organizationId, uses: [{ keyId: victim.keyId, millisecondsAgo: 0 }] }),
    (db, { organizationId, victim }) => {
      const calls = { keyId: victim.keyId, millisecondsAgo: 0, ok: 7, clientError: 0, limited: 0, failed: 0 };
      return keyUse.recordKeyUses(db, { organizationId, uses: [], calls: [calls] });
    },
  ],
  getContact: [(db, { organizationId, victim }) => contacts.getContact(db, { organizationId, id: victim.contactId })],
  getContacts: [
    (db, { organizationId, victim }) =>
      getContacts(db, { organizationId, ids: [victim.contactId, victim.deletedContactId], emails: [] }),
    (db, { organizationId, victim }) => getContacts(db, { organizationId, ids: [], emails: [victim.email] }),
    (db, { organizationId, victim }) => getContacts(db, { organizationId, ids: [], emails: [victim.sharedEmail] }),
  ],
  countTags: [
    (db, { organizationId }) => countTags(db, { organizationId }).then(({ tags }) => tags),
    (db, { organizationId, victim }) => countTags(db, { organizationId, prefix: victim.word }).then(({ tags }) => tags),
  ],
  listWritten: [
    (db, { organizationId, victim }) =>
      listWritten(db, { organizationId, keys: [victim.word] }).then((written) => [...written.values()]),
  ],
  updateContacts: [
    changeMany(({ contactId }) => ({ where: { ids: [contactId] }, set: { notes: 'taken' } })),
    changeMany(({ word }) => ({ where: { search: word }, addTags: ['taken'] })),
    changeMany(({ email }) => ({ where: { email }, delete: true })),
    changeMany(({ sharedEmail }) => ({ where: { email: sharedEmail }, set: { notes: 'taken' } })),
    changeMany(() => ({ where: { updatedSince: new Date(0) }, delete: true })),
    changeMany(() => ({ where: { updatedSince: new Date(0) }, restore: true })),
  ],
  insertContact: [
    (db, { organizationId }) => contacts.insertContact(db, { organizationId, input: { name: 'slipped in' } }),
    (db, { organizationId, victim }) =>
      contacts.insertContact(db, { organizationId, input: { name: 'again', email: victim.email } }),
    (db, { organizationId, victim }) =>
      contacts.insertContact(db, { organizationId, input: { name: 'again', email: victim.sharedEmail } }),
  ],
  updateContact: [
    (db, { organizationId, victim }) =>
      contacts.updateContact(db, { organizationId, id: victim.contactId, changes: { notes: 'taken' } }),
    (db, { organizationId, victim }) =>
      contacts.updateContact(db, { organizationId, id: victim.contactId, changes: {}, expectedVersion: 1 }),
  ],
  deleteContact: [
    (db, { organizationId, victim }) => contacts.deleteContact(db, { organizationId, id: victim.contactId }),
  ],
  restoreContact: [
    (db, { organizationId, victim }) => contacts.restoreContact(db, { organizationId, id: victim.deletedContactId }),
    (db, { organizationId, victim }) => contacts.restoreContact(db, { organizationId, id: victim.deletedSharedId }),
  ],
  eraseContacts: [
    (db, { organizationId, victim }) => eraseContacts(db, { organizationId, ids: [victim.contactId] }),
    (db, { organizationId, victim }) =>
      eraseContacts(db, { organizationId, ids: [victim.deletedContactId, victim.deletedSharedId] }),
  ],
  // That an answer of the victim's is kept tells of the victim. The caller's own answer, of a twin, does not.
  claimAnswer: [
    (db, attempt) =>
      run(db, keptAnswers.claimAnswer(keyedCall(attempt))).catch(async (error) => {
        if (!(error instanceof AnswerKept)) throw error;
        const { app, organizationId, victim } = attempt;
        const own = await runAsAdmin(
          app,
          `select from kept_answers where organization_id = '${app.one.id}' and caller_id = '${victim.keyId}'`,
        );
        return organizationId === app.one.id && own.length > 0 ? null : victim.word;
      }),
  ],
  keepAnswer: [
    (db, attempt) =>
      run(db, keptAnswers.keepAnswer(keyedCall(attempt), { requestDigest: KEY_DIGEST, subjectId: null, answer: null })),
  ],
  findKeptAnswer: [(db, attempt) => keptAnswers.findKeptAnswer(db, keyedCall(attempt))],
  forgetAnswer: [(db, attempt) => keptAnswers.forgetAnswer(db, keyedCall(attempt))],
  erasePersonAnswers: [
    (db, { organizationId, victim: { keyId, word } }) =>
      keptAnswers.erasePersonAnswers(db, { organizationId, userId: keyId, names: [word] }),
  ],
  deleteOldAnswers: [(db, { organizationId }) => keptAnswers.deleteOldAnswers(db, { organizationId, limit: 1_000 })],
  forgetAllLostWords: [(db, { organizationId }) => forgetAllLostWords(db, organizationId)],
  forgetLostWords: [(db, { organizationId }) => forgetLostWords(db, organizationId)],
  eraseDeletedContacts: [
    (db, { organizationId }) => eraseDeletedContacts(db, { organizationId, days: 0, limit: 1_000 }),
  ],
  listContacts: [
    list(() => ({})),
    list(() => ({ limit: 200 })),
    list(({ contactId }) => ({ cursor: { sort: '-createdAt', key: null, id: contactId } })),
    ...ContactSort.options.flatMap((sort) => [
      list(() => ({ sort, limit: 2_000 })),
      list(() => ({ sort, limit: 2_000, includeDeleted: false, fields: ['notes', 'email'] })),
      list(({ word }) => ({ sort, limit: 200, tag: word })),
      list(({ word }) => ({ sort, limit: 200, company: word })),
      list(({ word }) => ({ sort, limit: 200, search: word, includeDeleted: false })),
    ]),
    list(({ contactId }) => ({ ids: [contactId] })),
    list(({ email }) => ({ email })),
    list(({ sharedEmail }) => ({ email: sharedEmail, limit: 2 })),
    list(({ otherEmail }) => ({ email: otherEmail })),
    list(({ word }) => ({ search: word })),
    list(({ word }) => ({ search: word, limit: 200 })),
    list(({ word }) => ({ tag: word })),
    list(({ word }) => ({ tag: word, limit: 200, includeDeleted: false })),
    list(() => ({ updatedSince: new Date(0), limit: 200 })),
    list(({ word, contactId }) => ({
      search: word,
      tag: word,
      cursor: { sort: '-createdAt', key: null, id: contactId },
      limit: 200,
    })),
  ],
  findMatching: Array.from({ length: 6 }, (_, index) => matching(index)),
  countContacts: [
    counting(({ word }) => ({ search: word })),
    counting(({ word, email }) => ({ tag: word, company: word, email })),
    counting(({ word }) => ({ tag: word })),
    counting(({ word }) => ({ company: word })),
  ],
  lockAddresses: [(db, { organizationId, victim }) => lockAddresses(db, { organizationId, id: victim.contactId })],
  lockNamed: [
    (db, { organizationId, victim }) =>
      lockNamed(db, { organizationId, rows: rowsNaming(victim).map((row, index) => toNamed({ index, ...row })) }),
  ],
  upsertContacts: [
    ...[false, true].flatMap((merge) =>
      [1, 2].map(
        (place): TenantCall =>
          (db, { organizationId, victim }) => {
            const rows = rowsNaming(victim)
              .slice(place, place + 1)
              .map((row) => ({ index: 0, ...row }));
            return upsertContacts(db, { organizationId, rows, merge });
          },
      ),
    ),
    upsert(() => [{ name: 'slipped in' }]),
    // The intruder's own contact with the shared email has these values already.
    upsert((email) => [{ name: 'Own', email }]),
    upsert((email) => [{ name: 'taken', email }]),
    upsert((email) => [{ name: 'taken', email, tags: ['taken'] }], true),
    upsert((email) => [
      { name: 'taken', email },
      { name: 'taken again', email, notes: 'taken' },
    ]),
  ],
};

/**
 * Functions of db/ without a tenant. The functions open the database, or query the database before an organization is
 * known.
 */
const OTHERS = [
  ...[
    'asAccounts',
    'asNobody',
    'asOperator',
    'createEntries',
    'enter',
    'enterAsOperator',
    'forOneCall',
    'withLimits',
    'searchable',
    'inTransaction',
    'lockFamilies',
    'refuseFormerMember',
    'countActiveKeys',
    'personOf',
    'daysFromNow',
    'explainAbsence',
    'migrate',
    'expand',
    'runBackground',
    'finishMigrations',
    'remakeContacts',
    'ping',
    'toPage',
    'roomOf',
    'wholeRow',
    'toWholePage',
    'cutPage',
    'toCutPage',
    ...[
      'needsAddresses',
      'withWholePairs',
      'keysOfPhones',
      'keysOfEmails',
      'idsByEmail',
      'upsertedAddresses',
      'unlessEmailTaken',
    ],
    ...['toNamed', 'chooseNamed', 'isSeen', 'isEmailTaken', 'completeRow'],
    'prepared',
  ],
  ...['openDatabase', 'isChangedPlan', 'isUniqueViolation', 'isOfErasedPerson', 'isLockFailure', 'translateError'],
  ...['findLoginFaults', 'readPlace', 'restoreRights'],
  ...['createLog', 'readFinished', 'lockProgress', 'recordProgress', 'setLockTimeout', 'inShortLocks', 'inOneWait'],
  ...[
    'DatabaseUnavailable',
    'KeyRefused',
    'ScopeRefused',
    'AddressRefused',
    'ClientGone',
    'AnswerKept',
    'identifyKey',
    'bumpIf',
    'toColumns',
  ],
  ...['byUse', 'toChange', 'isChanged', 'toUpdate'],
  ...['patchedFields', 'FieldsTooLarge', 'isAsSent', 'issuesOfChanged'],
  ...['toRow', 'toSought', 'matches', 'keepCase', 'isSearched', 'toLine', 'toFolded', 'lineOf', 'withLines'],
  ...[
    'toTerms',
    'onlyPatterns',
    'countConditions',
    'indexedBy',
    'isUnsettled',
    'unsettled',
    'searchNewest',
    'nextWindow',
    'toPlainPatterns',
    'idBefore',
    'gather',
    'refuseForeignIds',
    'orderBy',
    'keyOf',
    'toPlace',
    'isFrom',
    'walk',
  ],
  ...['isFold', 'toNameFold', 'toCompanyFold', 'firstCharacters'],
  ...[
    'countDigests',
    'countSealed',
    'deleteExpiredSessions',
    'digestPlainTokens',
    'findSessionPerson',
    'countOwnOrganizations',
    'findFirstOrganization',
    'insertUser',
    'isInvited',
    'findAcceptedInvitation',
    'recordFailedSignIn',
    'resealColumn',
    ...[
      'findTwoFactor',
      'hasSecondFactor',
      'withoutSignIn',
      'withDeleted',
      'takeStep',
      'recordRecovery',
      'removeSecondFactor',
    ],
    ...['findPasskeyEmail', 'isHeldByPasskey', 'listPasskeys', 'recordPasskeyUse'],
    ...['beginProof', 'isProvedSession', 'recordProof'],
  ],
  ...['findAccount', 'isVerified', 'verifyAddress', 'endUnprovedAccess', 'takeOverAccount', 'endResets'],
  ...['isCurrentPassword', 'endSession', 'endSessions'],
  ...[
    ...['canonicalJson', 'saltNames', 'valueAt', 'hashEntry', 'hashSeal', 'readChain'],
    ...['beginRound', 'endRound', 'listOrganizationsToSeal', 'logFailedSignIns'],
    ...['eraseAuditLog', 'eraseAuditNames', 'eraseOldEntries'],
    'listOrganizationsToNotify',
    'listOrganizationsToTrim',
    'listOrganizationsToEraseIn',
    'listOrganizationsWithLostWords',
    'listOrganizationsWithOldAnswers',
    'insertOrganization',
    'findOrganization',
    'listOrganizations',
    'eraseOrganizations',
    ...['insertReset', 'readPerson', 'erasePerson', 'eraseLateNames'],
    // They change the organization of the tenant itself: walls.test.ts tries the row of another organization.
    'renameOrganization',
    'deleteOrganization',
    'restoreOrganization',
  ],
];

/** The names of db/'s functions that are in no list of this file. */
export async function findUnlisted(): Promise<string[]> {
  const folder = resolve(import.meta.dirname, '../../db');
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  const modules = await Promise.all(files.map((name) => import(resolve(folder, name)) as Promise<object>));
  const functions = modules.flatMap((module) =>
    Object.entries(module).filter(([, value]) => typeof value === 'function'),
  );
  return functions.map(([name]) => name).filter((name) => !(name in TENANT_CALLS) && !OTHERS.includes(name));
}
