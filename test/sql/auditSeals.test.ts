import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { eraseAuditLog, eraseAuditNames, eraseOldEntries } from '../../db/auditErasure.ts';
import { NAME_PLACES } from '../../db/auditHash.ts';
import { sealEntries } from '../../db/auditSeals.ts';
import type { Schema } from '../../db/schema.ts';
import { addEntries, seal, tamper, verify } from '../helpers/auditChain.ts';
import { addMember, addPerson, openBrowser, signedIn } from '../helpers/browser.ts';
import { readTables, runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const NIL = '00000000-0000-0000-0000-000000000000';
const REFUSED = /refused: the audit log is only added to/;

/** Runs a statement as the owner of the tables, in the organization. */
const asOwner = ({ db }: TestApp, organizationId: string, statement: string, role?: string) =>
  db.root.transaction().execute(async (trx) => {
    await sql`select set_config('introzy.organization_id', ${organizationId}, true)`.execute(trx);
    if (role) await sql.raw(`set local role ${role}`).execute(trx);
    return (await sql.raw(statement).execute(trx)).rows;
  });

test('No role changes or removes an entry or a seal: not a tenant, not the owner, not a superuser', async () => {
  await using app = await testApp({ isAlone: true });
  const { id } = app.one;
  await seal(app);
  const before = await readTables(app);
  for (const table of ['audit_log', 'audit_seals', 'audit_seal_entries']) {
    const [column] = { audit_log: ['details'], audit_seals: ['hash'], audit_seal_entries: ['names'] }[table] ?? [];
    const changes = [
      `update ${table} set ${column} = ${column} where organization_id = '${id}'`,
      `delete from ${table} where organization_id = '${id}'`,
      `truncate ${table} cascade`,
    ];
    for (const change of changes) {
      await expect(runAsAdmin(app, change), `superuser: ${change}`).rejects.toThrow(REFUSED);
      await expect(asOwner(app, id, change), `owner: ${change}`).rejects.toThrow(REFUSED);
      for (const role of app.logins ? [] : ['introzy_app', 'introzy_auth']) {
        await expect(asOwner(app, id, change, role), `${role}: ${change}`).rejects.toMatchObject({ code: '42501' });
      }
      await expect(sql.raw(change).execute(asOperator(app.db, id)), change).rejects.toMatchObject({ code: '42501' });
    }
  }
  // Nobody gets past the triggers by the organization's row, or by the settings of the transaction.
  await expect(runAsAdmin(app, `delete from organizations where id = '${id}'`)).rejects.toThrow(REFUSED);
  await expect(runAsAdmin(app, 'truncate organizations cascade')).rejects.toThrow(REFUSED);
  expect(await readTables(app)).toEqual(before);
});

test('Entries are sealed together, each seal follows the seal before, and nothing is written where there is nothing', async () => {
  await using app = await testApp({ isAlone: true });
  await addEntries(app, app.one.id, 2_500);
  expect(await verify(app, app.one.id)).toMatchObject({ holds: true, seals: 0, entries: 0 });
  expect(await seal(app)).toEqual([]);
  const first = await verify(app, app.one.id);
  expect(first).toMatchObject({ holds: true, seals: 3, unsealed: 0, breaks: 0, last: { number: 3 } });
  expect(first.entries).toBeGreaterThan(2_500);
  const other = await verify(app, app.other.id);
  expect(other).toMatchObject({ holds: true, seals: 1 });

  await addEntries(app, app.one.id, 2);
  expect(await verify(app, app.one.id)).toMatchObject({ holds: true, seals: 3, unsealed: 2 });
  await seal(app);
  expect(await verify(app, app.one.id)).toMatchObject({ seals: 4, entries: first.entries + 2, unsealed: 0 });
  expect(await verify(app, app.other.id)).toEqual(other);

  await settle(app);
  const before = await readTables(app);
  const [state] = await runAsAdmin(app, 'select xmin::text, audit_sealing.* from audit_sealing');
  await seal(app);
  expect(await readTables(app)).toEqual(before);
  expect(await runAsAdmin(app, 'select xmin::text, audit_sealing.* from audit_sealing')).toEqual([state]);
});

/** Seals until no round waits for older transactions, of other tests among them. */
async function settle(app: TestApp) {
  for (let isPending = true; isPending; await setImmediate()) {
    await seal(app);
    const [row] = await runAsAdmin(app, 'select pending_at is not null as pending from audit_sealing');
    isPending = row?.pending === true;
  }
}

/** The changes of somebody who has switched the triggers off, and what the verification says of each change. */
const TAMPERED: [kind: string, change: (id: string) => string][] = [
  ['changed entry', (id) => `update audit_log set action = 'apiKey.kept' where id = ${entryOf(id, 2)}`],
  ['changed entry', (id) => `update audit_log set at = at + interval '1 ms' where id = ${entryOf(id, 2)}`],
  ['changed entry', (id) => `update audit_log set details = details || '{"by": 1}' where id = ${entryOf(id, 2)}`],
  [
    'changed entry',
    (id) => `update audit_log set actor = jsonb_set(actor, '{name}', '"Eve"') where id = ${entryOf(id, 2)}`,
  ],
  ['changed entry', (id) => `update audit_log set actor = actor - 'name' where id = ${entryOf(id, 2)}`],
  [
    'changed entry',
    (id) => `update audit_log set actor = jsonb_set(actor, '{name}', '"(erased)"') where id = ${entryOf(id, 2)}`,
  ],
  [
    'changed entry',
    (id) =>
      `update audit_seal_entries set names = jsonb_set(names, '{/actor/name}', jsonb_build_object('digest', encode(sha256(''), 'hex'))) where id = ${entryOf(id, 2)}`,
  ],
  ['missing entry', (id) => `delete from audit_log where id = ${entryOf(id, 2)}`],
  [
    'changed seal',
    (id) =>
      `delete from audit_log where id = ${entryOf(id, 2)}; delete from audit_seal_entries where id = ${entryOf(id, 2)}`,
  ],
  [
    'inserted entry',
    (id) => `insert into audit_log (organization_id, at, actor, action, subject)
      select organization_id, at - interval '1 s', actor, action, subject from audit_log where id = ${entryOf(id, 2)}`,
  ],
  [
    'inserted entry',
    (id) => `insert into audit_log (organization_id, id, actor, action, subject) select organization_id,
      '01890000-0000-7000-8000-000000000000', actor, action, subject from audit_log where id = ${entryOf(id, 2)}`,
  ],
  ['changed entry', (id) => `update audit_seal_entries set hash = sha256('') where id = ${entryOf(id, 2)}`],
  ['changed seal', (id) => `update audit_seals set hash = sha256('') where organization_id = '${id}' and number = 2`],
  [
    'changed seal',
    (id) => `update audit_seals set previous = sha256('') where organization_id = '${id}' and number = 2`,
  ],
  [
    'changed seal',
    (id) =>
      `update audit_seals set sealed_at = sealed_at - interval '1 ms' where organization_id = '${id}' and number = 3`,
  ],
  ['missing seal', (id) => `delete from audit_seals where organization_id = '${id}' and number = 2`],
  ['missing seal', (id) => `delete from audit_seals where organization_id = '${id}' and number = 1`],
  ['missing seal', (id) => `delete from audit_seals where organization_id = '${id}' and number = 3`],
  [
    'missing seal',
    (
      id,
    ) => `delete from audit_log where id in (select id from audit_seal_entries where organization_id = '${id}' and seal = 3);
      delete from audit_seal_entries where organization_id = '${id}' and seal = 3;
      delete from audit_seals where organization_id = '${id}' and number = 3`,
  ],
];

/** The first entry of a seal. */
const entryOf = (organizationId: string, seal: number) =>
  `(select id from audit_seal_entries where organization_id = '${organizationId}' and seal = ${seal} order by id limit 1)`;

test('The verification finds what somebody changed, removed or added with the triggers off', async () => {
  await using app = await testApp({ isAlone: true });
  for (const [kind, change] of TAMPERED) {
    const id = randomUUID();
    await runAsAdmin(app, `insert into organizations (id, name) values ('${id}', 'Tampered ${id}')`);
    for (let round = 0; round < 3; round++) {
      await addEntries(app, id, 3);
      await seal(app);
    }
    await runAsAdmin(app, `update audit_sealing set settled_at = now() + interval '1 hour', pending_at = null`);
    const whole = await verify(app, id);
    expect(whole, change(id)).toMatchObject({ holds: true, seals: 3 });
    await tamper(app, change(id));
    const found = await verify(app, id);
    expect([found.holds, found.firstBreak?.kind], change(id)).toEqual([false, kind]);
    expect(found.firstBreak?.message).toMatch(/^(Seal|Entry) .*\.$/);
    await runAsAdmin(app, `update audit_sealing set settled_at = '-infinity'`);
  }
});

test('A chain that somebody has written anew does not have the seal that was noted', async () => {
  await using app = await testApp({ isAlone: true });
  const { id } = app.one;
  await seal(app);
  const noted = (await verify(app, id)).last as { number: number; hash: string };
  await addEntries(app, id, 1);
  await seal(app);
  expect((await verify(app, id, noted)).holds).toBe(true);
  await tamper(
    app,
    `delete from audit_seals; delete from audit_seal_entries; delete from audit_chains;
      update audit_log set action = 'apiKey.kept'; update audit_sealing set settled_at = '-infinity'`,
  );
  await seal(app);
  expect((await verify(app, id)).holds).toBe(true);
  expect(await verify(app, id, noted)).toMatchObject({ holds: false, firstBreak: { kind: 'changed seal', seal: 1 } });
  expect(await verify(app, id, { ...noted, number: 9 })).toMatchObject({
    firstBreak: { kind: 'missing seal', seal: 9 },
  });
});

test('A seal waits for no writer: an entry whose transaction ends late is in a later seal', async () => {
  await using app = await testApp({ isAlone: true });
  // The embedded database has a single connection, so that a transaction ends before the next begins.
  if (app.adminUrl === undefined) return;
  const { id } = app.one;
  const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
  const { promise: hasWritten, resolve: note } = Promise.withResolvers<void>();
  const late = asOperator(app.db, id)
    .transaction()
    .execute(async (trx) => {
      await insertEntry(trx, id, 'late');
      note();
      await mayEnd;
    });
  await hasWritten;
  await insertEntry(asOperator(app.db, id), id, 'early');
  for (let round = 0; round < 3; round++) expect(await seal(app)).toEqual([]);
  const before = await verify(app, id);
  expect(before).toMatchObject({ holds: true, unsealed: 0, seals: 1 });
  // The late entry is older than entries that are sealed: no round may leave the time of the late entry behind.
  const settledAt = async () => (await runAsAdmin(app, 'select settled_at::text as at from audit_sealing'))[0]?.at;
  expect(await settledAt()).toBe('-infinity');
  end();
  await late;
  await seal(app);
  expect(await verify(app, id)).toMatchObject({ holds: true, unsealed: 0, seals: 2, entries: before.entries + 1 });
  await settle(app);
  expect(await settledAt()).not.toBe('-infinity');
});

const insertEntry = (db: Kysely<Schema>, organizationId: string, name: string) =>
  sql`insert into audit_log (organization_id, actor, action, subject)
    values (${organizationId}, jsonb_build_object('type', 'operator', 'id', null, 'name', ${name}::text), 'member.joined',
      '{"type": "person", "id": null, "name": "somebody"}')`.execute(db);

test('Instances seal at once while others write, and each entry is in one seal', async () => {
  await using app = await testApp({ isAlone: true });
  const { id } = app.one;
  let isWriting = true;
  const writers = Array.from({ length: 4 }, async (_, writer) => {
    for (let turn = 0; turn < 15; turn++) {
      await asOperator(app.db, id)
        .transaction()
        .execute(async (trx) => {
          await insertEntry(trx, id, `${writer} begins`);
          for (let wait = 0; wait < turn % 4; wait++) await sql`select pg_sleep(0.005)`.execute(trx);
          await insertEntry(trx, id, `${writer} ends`);
        });
    }
  });
  const sealers = Array.from({ length: 3 }, async () => {
    while (isWriting) {
      await seal(app);
      await setImmediate();
    }
  });
  await Promise.all(writers);
  isWriting = false;
  await Promise.all(sealers);
  await seal(app);
  const found = await verify(app, id);
  const [row] = await runAsAdmin(app, `select count(*)::int as count from audit_log where organization_id = '${id}'`);
  expect(found).toMatchObject({ holds: true, unsealed: 0, entries: row?.count });
  expect(found.seals).toBeGreaterThan(1);
});

test('A seal that fails half-way leaves nothing, and the next round makes the seal', async () => {
  await using app = await testApp({ isAlone: true });
  for (const table of ['audit_seals', 'audit_seal_entries', 'audit_chains']) {
    await runAsAdmin(app, `alter table ${table} add constraint full_up check (false) not valid`);
    expect((await seal(app)).length).toBeGreaterThan(0);
    expect(await verify(app, app.one.id)).toMatchObject({ holds: true, seals: 0, last: null });
    const [state] = await runAsAdmin(app, 'select settled_at::text, pending_at::text from audit_sealing');
    expect(state).toEqual({ settled_at: '-infinity', pending_at: null });
    await runAsAdmin(app, `alter table ${table} drop constraint full_up`);
  }
  expect(await seal(app)).toEqual([]);
  expect(await verify(app, app.one.id)).toMatchObject({ holds: true, seals: 1, unsealed: 0 });
});

test('While an instance seals, another instance leaves the chain alone', async () => {
  await using app = await testApp({ isAlone: true });
  if (app.adminUrl === undefined) return;
  const { id } = app.one;
  await app.db.root.transaction().execute(async (trx) => {
    await sql`select pg_advisory_xact_lock(hashtextextended('introzy audit ' || ${id}::uuid, 0))`.execute(trx);
    const tenant = asOperator(app.db, id);
    expect(await sealEntries(tenant, { organizationId: id, after: NIL })).toMatchObject({ isBusy: true, sealed: 0 });
    await seal(app);
  });
  const [state] = await runAsAdmin(app, 'select pending_at::text as pending from audit_sealing');
  expect(state).toEqual({ pending: null });
});

test('After AUDIT_DAYS the oldest seals go with their entries, and the chain holds from there on', async () => {
  await using app = await testApp({ isAlone: true });
  const { id } = app.one;
  const root = app.db.root;
  for (const days of [400, 390, 5, 380, 1]) {
    await addEntries(app, id, 3);
    await tamper(
      app,
      `update audit_log a set at = now() - interval '${days} days' where organization_id = '${id}' and not exists (
        select from audit_seal_entries e where e.id = a.id);
      update audit_sealing set settled_at = '-infinity', pending_at = null`,
    );
    await seal(app);
  }
  const before = await verify(app, id);
  expect(before).toMatchObject({ holds: true, seals: 5 });
  expect(await eraseOldEntries(root, { days: 500 })).toBe(0);
  // The entries of 380 days ago stay: they were sealed after newer entries.
  expect(await eraseOldEntries(root, { days: 365 })).toBeGreaterThanOrEqual(6);
  const after = await verify(app, id);
  expect(after).toMatchObject({ holds: true, seals: 3, entries: 9, last: before.last });
  expect((await verify(app, id, before.last ?? undefined)).holds).toBe(true);
  await addEntries(app, id, 1);
  await seal(app);
  expect(await verify(app, id)).toMatchObject({ holds: true, last: { number: 6 } });
  // Somebody who cuts the front off without the function is found.
  await tamper(app, `delete from audit_seals where organization_id = '${id}' and number = 3`);
  expect(await verify(app, id)).toMatchObject({ holds: false, firstBreak: { kind: 'missing seal', seal: 3 } });
});

test('Where AUDIT_DAYS erases every seal, the next seal follows the last', async () => {
  await using app = await testApp({ isAlone: true });
  const { id } = app.one;
  await seal(app);
  await tamper(app, `update audit_seals set last_at = now() - interval '40 days'`);
  expect(await eraseOldEntries(app.db.root, { days: 30 })).toBeGreaterThan(0);
  expect(await verify(app, id)).toMatchObject({ holds: true, seals: 0, entries: 0, unsealed: 0 });
  await addEntries(app, id, 2);
  await seal(app);
  expect(await verify(app, id)).toMatchObject({ holds: true, seals: 1, entries: 2, last: { number: 2 } });
});

test('The erasing functions are the owner’s alone, and erase nothing by mistake', async () => {
  await using app = await testApp();
  for (const call of ['introzy_erase_audit_log(null, 1)', `introzy_erase_audit_person('${NIL}', '{}')`]) {
    const failure = sql.raw(`select ${call}`).execute(asOperator(app.db, app.one.id));
    await expect(failure, call).rejects.toMatchObject({ code: '42501' });
  }
  await expect(sql`select introzy_erase_audit_log(null, null)`.execute(app.db.root)).rejects.toThrow(
    /Name an organization/,
  );
});

test('A person is erased from the log, and the seals hold', async () => {
  await using app = await testApp({ isAlone: true });
  const owner = await addMember(app, app.one.id, 'owner');
  const asOwnerOf = await signedIn(app, owner);
  const person = await addPerson(app);
  await asOwnerOf.trpc.members.invite.mutate({ email: person.email });
  await addMember(app, app.one.id, 'admin');
  await runAsAdmin(
    app,
    `insert into members (organization_id, id, user_id, role)
      values ('${app.one.id}', gen_random_uuid(), '${person.userId}', 'admin')`,
  );
  const browser = await signedIn(app, person);
  const { apiKey } = await browser.trpc.keys.issue.mutate({ name: person.email.toUpperCase() });
  await browser.trpc.keys.rename.mutate({ id: apiKey.id, name: 'kept' });
  await seal(app);
  // Entries that are not sealed yet.
  await browser.trpc.keys.rename.mutate({ id: apiKey.id, name: 'kept too' });
  await openBrowser(app).signIn(person.email, 'not the password');

  const text = async () =>
    JSON.stringify(
      (({ audit_log, audit_seal_entries }) => [audit_log, audit_seal_entries])(await readTables(app)),
    ).toLowerCase();
  expect(await text()).toContain(person.email);
  const before = await verify(app, app.one.id);
  expect(await eraseAuditNames(app.db.root, { userId: person.userId, names: [person.email] })).toBeGreaterThanOrEqual(
    5,
  );
  expect(await text()).not.toContain(person.email);
  const after = await verify(app, app.one.id);
  expect(after).toMatchObject({ ...before, erasedNames: expect.any(Number) });
  expect(after.erasedNames).toBeGreaterThanOrEqual(6);
  await seal(app);
  expect(await verify(app, app.one.id)).toMatchObject({ holds: true, unsealed: 0 });
  const { items } = await asOwnerOf.trpc.audit.list.query({ subjectId: apiKey.id });
  expect(items.map(({ actor, details }) => [actor.id, actor.name, details.from ?? null])).toEqual([
    [person.userId, '(erased)', 'kept'],
    [person.userId, '(erased)', '(erased)'],
    [person.userId, '(erased)', null],
  ]);
  // The owner's names and places are as before.
  expect(await text()).toContain(owner.email);
  expect(await eraseAuditNames(app.db.root, { userId: person.userId, names: [person.email] })).toBe(0);
});

/** Names with characters that JSON escapes, or could escape. */
const ODD_NAMES = [
  '"',
  '\\',
  'a"b\\c/d',
  '\b\f\n\r\t\u0001\u001f\u007f',
  '\u0085\u2028\u2029',
  'Ünï çødé 姓名 🙂',
  '%s %I $1',
];

test('Whatever a name is made of, and wherever the name stands, the seals hold without the name', async () => {
  await using app = await testApp({ isAlone: true });
  const { id } = app.one;
  const userId = randomUUID();
  const tenant = asOperator(app.db, id);
  for (const name of ODD_NAMES) {
    for (const place of NAME_PLACES) {
      const entry = place.endsWith('/description') ? { from: {}, to: {} } : {};
      const content = { actor: { type: 'person', id: userId }, subject: { id: null }, details: entry };
      await sql`
        insert into audit_log (organization_id, actor, action, subject, details)
          select ${id}, content->'actor', 'member.joined', content->'subject', content->'details'
            from jsonb_set(${JSON.stringify(content)}::jsonb, ${place.slice(1).split('/')}::text[],
              to_jsonb(${name}::text)) content`.execute(tenant);
    }
  }
  await seal(app);
  const erased = await eraseAuditNames(app.db.root, { userId, names: ODD_NAMES });
  expect(erased).toBe(ODD_NAMES.length * NAME_PLACES.length);
  expect(await verify(app, id)).toMatchObject({ holds: true, breaks: 0, erasedNames: erased });
  const { audit_log, audit_seal_entries } = await readTables(app);
  const texts = audit_log.map((row) => JSON.stringify(row)).filter((row) => row.includes(userId));
  for (const text of texts) expect(text.match(/\(erased\)/g)).toHaveLength(1);
  expect(JSON.stringify(audit_seal_entries).match(/"digest"/g)).toHaveLength(erased);
});

test('The log of an organization goes with the organization, by its function', async () => {
  await using app = await testApp({ isAlone: true });
  await seal(app);
  await addEntries(app, app.one.id, 1);
  await asOwner(app, app.one.id, `select from organizations where id = '${app.one.id}' for update`);
  await app.db.root.transaction().execute(async (trx) => {
    await eraseAuditLog(trx, app.one.id);
    await sql`delete from organizations where id = ${app.one.id}`.execute(trx);
  });
  const tables = await readTables(app);
  expect(JSON.stringify(tables)).not.toContain(app.one.id);
  expect(await verify(app, app.other.id)).toMatchObject({ holds: true, seals: 1 });
});
