import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { asAccounts } from '../../db/admission.ts';
import { migrate } from '../../db/migrate.ts';
import { verifyAddress } from '../../db/verifiedAddress.ts';
import { openOld } from '../helpers/oldDatabase.ts';
import { runAsRoot } from '../helpers/tables.ts';

type Old = Awaited<ReturnType<typeof openOld>>['db'];

/** The account of a sign-up. */
const signUp = async (db: Old, email: string) => {
  const id = randomUUID();
  await runAsRoot(db.root, `insert into users (id, name, email) values ('${id}', 'A name', '${email}')`);
  await runAsRoot(
    db.root,
    `insert into accounts (id, user_id, account_id, provider_id, password)
      values (gen_random_uuid(), '${id}', '${id}', 'credential', 'a hash')`,
  );
  await runAsRoot(
    db.root,
    `insert into sessions (id, user_id, token, expires_at) values (gen_random_uuid(), '${id}', '${id}', now() + interval '1 day')`,
  );
  return id;
};

/** What the operator's command made before: an organization, a first key and an owner, in a single transaction. */
const setUp = async (db: Old, { email, userId }: { email: string; userId?: string }) => {
  const organizationId = randomUUID();
  const owner = userId ?? randomUUID();
  await db.root.transaction().execute(async (trx) => {
    const run = (statement: string) => runAsRoot(trx, statement);
    await run(`insert into organizations (id, name) values ('${organizationId}', '${organizationId}')`);
    if (userId === undefined) {
      await run(`insert into users (id, name, email) values ('${owner}', '${email}', '${email}')`);
      await run(
        `insert into accounts (id, user_id, account_id, provider_id, password)
          values (gen_random_uuid(), '${owner}', '${owner}', 'credential', 'a hash')`,
      );
    }
    await run(`select introzy_enter('${organizationId}', 1000, 1000)`);
    await join(trx, { organizationId, userId: owner });
    await run(
      `insert into api_keys (organization_id, id, name, hint, scopes, created_by_type, created_by_id, created_by_name, expires_at)
        values ('${organizationId}', '${randomUUID()}', 'First key', '00000000', '{contacts:read}', 'person', '${owner}', '${email}',
          now() + interval '30 days')`,
    );
  });
  return { organizationId, owner };
};

const join = async (trx: Parameters<typeof runAsRoot>[0], { organizationId, userId }: Record<string, string>) =>
  await runAsRoot(
    trx,
    `insert into members (organization_id, id, user_id, role) values ('${organizationId}', gen_random_uuid(), '${userId}', 'owner')`,
  );

test('Accounts that have proved their address stay; a stranger’s account loses its sessions and what the operator gave to its address', async () => {
  const { db, close } = await openOld('0011_expiry_notices');
  try {
    const made = await setUp(db, { email: 'operators@example.com' });
    const again = await setUp(db, { email: 'operators@example.com', userId: made.owner });
    const invited = await signUp(db, 'invited@example.com');
    const stranger = await signUp(db, 'victim@example.com');
    const open = await signUp(db, 'open@example.com');
    const matched = await setUp(db, { email: 'victim@example.com', userId: stranger });
    await db.root.transaction().execute(async (trx) => {
      await runAsRoot(trx, `select introzy_enter('${matched.organizationId}', 1000, 1000)`);
      await runAsRoot(
        trx,
        `insert into invitations (organization_id, id, email, role, inviter_id, expires_at)
          values ('${matched.organizationId}', gen_random_uuid(), 'accomplice@example.com', 'owner', '${stranger}',
            now() + interval '7 days')`,
      );
    });
    const own = randomUUID();
    await runAsRoot(db.root, `insert into organizations (id, name) values ('${own}', 'Their own')`);
    for (const [organizationId, userId, email] of [
      [own, open, undefined],
      [made.organizationId, invited, 'invited@example.com'],
    ] as [string, string, string | undefined][]) {
      await db.root.transaction().execute(async (trx) => {
        await runAsRoot(trx, `select introzy_enter('${organizationId}', 1000, 1000)`);
        await join(trx, { organizationId, userId });
        if (email === undefined) return;
        await runAsRoot(
          trx,
          `insert into invitations (organization_id, id, email, role, status, inviter_id, expires_at)
            values ('${organizationId}', gen_random_uuid(), '${email}', 'owner', 'accepted', '${made.owner}', now())`,
        );
      });
    }
    await migrate(db);

    const users = await runAsRoot(db.root, 'select email, email_verified as verified from users order by email');
    expect(users.map(({ email, verified }) => [email, verified])).toEqual([
      ['invited@example.com', true],
      ['open@example.com', false],
      ['operators@example.com', true],
      ['victim@example.com', false],
    ]);
    expect(await runAsRoot(db.root, 'select user_id from sessions')).toEqual([{ user_id: invited }]);
    const accounts = asAccounts(db);
    const membersOf = async (organizationId: string) =>
      (
        await accounts.selectFrom('members').select('user_id').where('organization_id', '=', organizationId).execute()
      ).map(({ user_id }) => user_id);
    expect((await membersOf(made.organizationId)).sort()).toEqual([made.owner, invited].sort());
    expect(await membersOf(again.organizationId)).toEqual([made.owner]);
    expect(await membersOf(own)).toEqual([open]);
    expect(await membersOf(matched.organizationId)).toEqual([]);

    const sent = await accounts
      .selectFrom('invitations')
      .select('status')
      .where('email', '=', 'accomplice@example.com')
      .execute();
    expect(sent).toEqual([{ status: 'canceled' }]);

    // The membership comes back once the address is verified, by whoever has the address, and once.
    for (let count = 0; count < 2; count++) await verifyAddress(accounts, stranger);
    expect(await membersOf(matched.organizationId)).toEqual([stranger]);
    await verifyAddress(accounts, open);
    expect(await membersOf(own)).toEqual([open]);
  } finally {
    await close();
  }
});
