import { hash, randomUUID } from 'node:crypto';
import { asOperator } from '../../db/admission.ts';
import { upsertContacts } from '../../db/contactUpsert.ts';
import { insertInvitation } from '../../db/invitations.ts';
import { recordKeyUses } from '../../db/keyUse.ts';
import { listMembers } from '../../db/members.ts';
import { digestsOf } from '../../server/auth/keySecret.ts';
import { addMember } from './browser.ts';
import { listColumns } from './probe.ts';
import { type SavedRows, saveRows } from './savedRows.ts';
import { runAsAdmin } from './tables.ts';
import { type TestApp, testApp } from './testApp.ts';

/** The rows of another organization that a test tries to reach. */
export interface Victim {
  organizationId: string;
  keyId: string;
  /** A key that the key `keyId` issued. */
  childId: string;
  ownerId: string;
  /** A membership. `userId` is the membership's person. */
  memberId: string;
  userId: string;
  invitationId: string;
  digest: Buffer;
  contactId: string;
  email: string;
  /** Another email, and the LinkedIn address, of the contact `contactId`. */
  otherEmail: string;
  linkedin: string;
  deletedContactId: string;
  /**
   * A contact with the email `sharedEmail`. A contact of the intruder's has the same email, and so has the deleted
   * contact `deletedSharedId`.
   */
  sharedContactId: string;
  sharedEmail: string;
  deletedSharedId: string;
  /** A word in each of the victim's rows, and in no other row. */
  word: string;
}

/** The tables of organizations. All of these tables force row-level security. */
const FORCED =
  'api_keys api_key_secrets api_key_tokens api_key_places api_key_days api_key_notices contacts contact_emails contact_tags contact_words contact_words_left audit_log audit_seals audit_seal_entries audit_chains failed_sign_ins members invitations kept_answers'.split(
    ' ',
  );

/** The expiry of a notice that is being sent of the victim's key, and the end of the notice's claim. */
export const NOTICE_FOR = '2100-01-01T00:00:00.000Z';
export const CLAIMED_UNTIL = '2100-01-01T00:15:00.000Z';

const token = () => `w${randomUUID().replaceAll('-', '')}`;

/** An app with a victim, whose rows are saved. With twins, `one` has rows with the ids of the victim's. */
export type WallsApp = TestApp & { victim: Victim; hasTwins: boolean; saved: SavedRows };

/**
 * The service with a database of its own, where `one` tries to reach the rows of `other`. `one` has 520 contacts: more
 * than a list tries before the list asks its indexes, so that every path of a query is taken. `other` was made first,
 * so that its rows come first wherever a query sees the rows of both.
 */
export async function wallsApp({ hasTwins = false } = {}): Promise<WallsApp> {
  const made = await testApp({ isAlone: true });
  const app = { ...made, one: made.other, other: made.one };
  const { id } = app.one;
  const rows = Array.from({ length: 520 }, (_, index) => ({ index, input: { name: `Own ${index}` } }));
  await upsertContacts(asOperator(app.db, id), { organizationId: id, rows });
  const victim = await makeVictim(app);
  if (hasTwins) await addTwins(app, victim);
  const saved = await saveRows(app);
  const dispose = async () => {
    await saved.close();
    return await made[Symbol.asyncDispose]();
  };
  return { ...app, victim, hasTwins, saved, [Symbol.asyncDispose]: dispose };
}

/** Gives `other` the rows that attempts try to reach. */
export async function makeVictim(app: TestApp): Promise<Victim> {
  const { one, other } = app;
  const [word, email, sharedEmail] = [token(), `${token()}@example.com`, `${token()}@example.com`];
  const otherEmail = `other.${email}`;
  const { contacts } = app.trpc(other.key);
  const fields = { name: word, company: word, tags: [word], notes: word };
  const linkedin = `https://www.linkedin.com/in/${token()}`;
  const deleted = await contacts.create.mutate(fields);
  const deletedShared = await contacts.create.mutate({ ...fields, email: sharedEmail });
  for (const { id } of [deleted, deletedShared]) await contacts.delete.mutate({ id });
  const shared = await contacts.create.mutate({ ...fields, email: sharedEmail });
  await app.trpc(one.key).contacts.create.mutate({ name: 'Own', email: sharedEmail });
  // The contact has lost a word.
  const renamed = await contacts.create.mutate({ name: `${word}formerly` });
  await contacts.update.mutate({ id: renamed.id, name: word });
  const contact = await contacts.create.mutate({
    ...fields,
    email,
    otherEmails: [otherEmail],
    otherPhones: [word],
    linkedinUrl: linkedin,
  });
  const { key, apiKey } = await app.issue(other.id, { name: word });
  const { memberId, userId, invitationId } = await addPeople(app, word);
  const child = await app.issue(other.id, { name: word });
  await wearOut(app, { id: apiKey.id, childId: child.apiKey.id, word });
  await keepAnswers(app, { organizationId: other.id, callerId: apiKey.id, subjectId: contact.id, word });
  return {
    organizationId: other.id,
    keyId: apiKey.id,
    childId: child.apiKey.id,
    ownerId: other.ownerId,
    memberId,
    userId,
    invitationId,
    digest: digestsOf(key, app.keySecrets)[0] as Buffer,
    contactId: contact.id,
    email,
    otherEmail,
    linkedin,
    deletedContactId: deleted.id,
    sharedContactId: shared.id,
    sharedEmail,
    deletedSharedId: deletedShared.id,
    word,
  };
}

/** Adds a member and an invitation to `other`. */
async function addPeople(app: TestApp, word: string) {
  const { id, ownerId } = app.other;
  const { userId } = await addMember(app, id);
  const db = asOperator(app.db, id);
  const invited = {
    organizationId: id,
    email: `${word}@example.com`,
    role: 'member',
    inviterId: ownerId,
    by: 'owner',
  } as const;
  const invitation = await insertInvitation(db, invited);
  const [member] = (await listMembers(db, id)).filter(({ person }) => person.id === userId);
  // A session that proved its person just now. The session has the id of its person.
  await runAsAdmin(
    app,
    `with settings as (insert into organization_settings (id) values ('${id}') on conflict do nothing),
      session as (
        insert into sessions (id, user_id, active_organization_id, token, expires_at)
          values ('${userId}', '${userId}', '${id}', gen_random_uuid(), '2100-01-01Z') returning id)
      insert into session_proofs (session_id, proved_at) select id, now() from session`,
  );
  if (!member || 'failure' in invitation) throw new Error('Nobody was added');
  return { userId, memberId: member.id, invitationId: invitation.invitation.id };
}

/**
 * Records a use, calls and tokens of a key, some of them too old to be kept, makes the key expire in three days, and
 * records two notices to the owner: a notice 1 day ahead that is being sent, and a notice of a past expiry. The notice
 * 7 days ahead is due.
 */
async function wearOut(app: TestApp, { id, childId, word }: { id: string; childId: string; word: string }) {
  const use = { keyId: id, millisecondsAgo: 0, place: { address: '203.0.113.0/24', userAgent: word } };
  const organizationId = app.other.id;
  const calls = [0, 91].map((days) => ({ ...callsOf(id), millisecondsAgo: days * 86_400_000 }));
  await recordKeyUses(asOperator(app.db, organizationId), { organizationId, uses: [use], calls });
  await runAsAdmin(
    app,
    `with worn as (update api_keys set expires_at = now() + interval '3 days' where id = '${id}' returning *),
      issued_by_key as (update api_keys set created_by_type = 'key', created_by_id = '${id}' where id = '${childId}'),
      held as (update api_key_secrets set holder_id = '${app.other.ownerId}' where api_key_id = '${id}'),
      tokens as (
        insert into api_key_tokens (organization_id, api_key_id, minted_by, digest, secret_id, hint, scopes, expires_at)
          select organization_id, api_key_id, s.id, sha256((api_key_id || token.name)::bytea), secret_id, '${word}', '{contacts:read}',
              token.expires_at
            from api_key_secrets s, (values (timestamptz '2100-01-01Z', 'new'), ('2020-01-01Z', 'old')) token (expires_at, name)
            where api_key_id = '${id}'
      )
      insert into api_key_notices (organization_id, api_key_id, expires_at, days, user_id, claimed_until)
        select organization_id, id, notice.expires_at, 1, '${app.other.ownerId}', '${CLAIMED_UNTIL}'
          from worn, (values (timestamptz '${NOTICE_FOR}'), ('2020-01-01Z')) notice (expires_at)`,
  );
}

/** The digest of the idempotency key of the victim's key. */
export const KEY_DIGEST = hash('sha256', 'the idempotency key', 'buffer');

/** Keeps an answer about the victim's contact, and an answer that is kept no longer. */
async function keepAnswers(app: TestApp, kept: Record<'organizationId' | 'callerId' | 'subjectId' | 'word', string>) {
  const { organizationId, callerId, subjectId, word } = kept;
  await runAsAdmin(
    app,
    `insert into kept_answers (organization_id, caller_id, key_digest, request_digest, subject_id, expires_at, answer)
      values ('${organizationId}', '${callerId}', '\\x${KEY_DIGEST.toString('hex')}', '', '${subjectId}', '2100-01-01Z', '["${word}"]'),
        ('${organizationId}', '${callerId}', '', '', null, '2020-01-01Z', '["${word}"]')`,
  );
}

/** A call that succeeded. */
const callsOf = (keyId: string) => ({ keyId, ok: 1, clientError: 0, limited: 0, failed: 0 });

/** Copies the victim's rows to `one` with the same ids. Only chance keeps the ids of two organizations apart. */
async function addTwins(app: TestApp, victim: Victim) {
  const { keyId, childId, ownerId, userId, invitationId, contactId, deletedContactId, deletedSharedId, word } = victim;
  const twins = [
    ['members', 'user_id', [ownerId, userId]],
    ['invitations', 'reference', [invitationId]],
    ['api_keys', 'id', [keyId, childId]],
    ['api_key_secrets', 'api_key_id', [keyId]],
    ['api_key_tokens', 'api_key_id', [keyId]],
    ['api_key_places', 'api_key_id', [keyId]],
    ['api_key_days', 'api_key_id', [keyId]],
    ['api_key_notices', 'api_key_id', [keyId]],
    ['contacts', 'id', [contactId, deletedContactId, deletedSharedId]],
    ['kept_answers', 'caller_id', [keyId]],
  ] as const;
  const columnsOf = await listColumns(
    app,
    twins.map(([table]) => table),
  );
  // A single statement: each statement of the administrator takes a connection of its own.
  const insertions = twins.map(([table, idColumn, ids]) => {
    const columns = columnsOf.get(table) ?? [];
    const values = columns.map((name) => (name === 'digest' ? `sha256(t.digest)` : `twin.${name}`));
    const json = `replace(replace(to_jsonb(t)::text, '${app.other.id}', '${app.one.id}'), '${word}', 'twin')::jsonb`;
    const some = ids.map((id) => `'${id}'`).join();
    return `${table}_twins as (
      insert into ${table} (${columns}) select ${values} from ${table} t, jsonb_populate_record(null::${table}, ${json}) twin
        where t.organization_id = '${app.other.id}' and t.${idColumn} in (${some}) on conflict do nothing)`;
  });
  await runAsAdmin(app, `with ${insertions.join(', ')} select`);
}

/** Switches row-level security on or off for all roles. */
export async function setPolicies(app: TestApp, state: 'on' | 'off') {
  const verbs = state === 'on' ? ['enable', 'force'] : ['disable', 'no force'];
  const others = ['organizations', 'organization_settings', 'users', 'sessions', 'session_proofs'];
  for (const table of [...FORCED, ...others]) {
    // Only the tables in `FORCED` force row-level security.
    const some = FORCED.includes(table) ? verbs : verbs.slice(0, 1);
    for (const verb of some) await runAsAdmin(app, `alter table ${table} ${verb} row level security`);
  }
}

/** Removes the organization from the functions that search past the policies. */
export async function breakSearch(app: TestApp) {
  for (const signature of [
    'introzy_found_contacts(jsonb, int)',
    'introzy_matching_contacts(text[], text, timestamptz, boolean, uuid, int)',
    'introzy_newest_with_words(jsonb, uuid)',
  ]) {
    const [row] = await runAsAdmin(app, `select pg_get_functiondef('${signature}'::regprocedure) as source`);
    const source = String(row?.source);
    const broken = source
      .replaceAll(/organization_id = (introzy_organization_id\(\)|v_organization_id)/g, 'true')
      // The index of words has an organization's own keys.
      .replace('introzy_word_condition(pattern)', '(select null::text as words)')
      .replace('introzy_word_keys(introzy_organization_id(), ', 'introzy_word_keys(organization_id, ')
      .replace('introzy_sought_words(v_pattern)', "array['any']")
      .replaceAll('@> v_all', 'is not null');
    if (broken === source) throw new Error('The function has another form now');
    await runAsAdmin(app, broken);
  }
}
