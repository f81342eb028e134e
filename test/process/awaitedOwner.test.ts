import { hashPassword } from 'better-auth/crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfig } from '../../server/start/config.ts';
import { openStore } from '../../server/start/store.ts';
import { PASSWORD } from '../helpers/browser.ts';
import { type CommandLine, commandLine } from '../helpers/commandLine.ts';
import { startMailServer } from '../helpers/mailServer.ts';
import { runAsRoot } from '../helpers/tables.ts';

let cli: CommandLine;
beforeAll(async () => {
  cli = await commandLine('embedded');
});
afterAll(() => cli[Symbol.asyncDispose]());

const VERIFY = /http:\/\/127\.0\.0\.1:3000\/verify-address\?token=([\w.%-]+)/;

const inDatabase = async (...statements: string[]) => {
  const store = await openStore(readConfig(cli.environment), 'commands');
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) rows = await runAsRoot(store.db.root, statement);
    return rows;
  } finally {
    await store.close();
  }
};

/** Makes an account as open sign-up does: with a password, and with an address that nobody has proved. */
async function signUp(email: string) {
  const id = crypto.randomUUID();
  await inDatabase(
    `insert into users (id, name, email) values ('${id}', 'A stranger', '${email}')`,
    `insert into accounts (id, user_id, account_id, provider_id, password)
      values (gen_random_uuid(), '${id}', '${id}', 'credential', '${await hashPassword(PASSWORD)}')`,
  );
}

test('`setup` for an account with an unproved address sends the link instead of the membership, and says so', async () => {
  await using server = await startMailServer();
  await signUp('eve@example.com');
  const args = ['setup', '--organization', 'Victims', '--email', 'Eve@example.com'];
  const env = { SMTP_URL: server.url };
  const { status, stdout, stderr } = await cli.run([...args, '--json'], { env });
  expect([status, stderr]).toEqual([0, '']);
  const made = JSON.parse(stdout);
  expect(Object.keys(made)).toEqual(['organizationId', 'email', 'password', 'key', 'verification']);
  expect([made.password, made.verification]).toEqual([null, { sentTo: 'eve@example.com' }]);
  expect(server.received.map(({ to }) => to)).toEqual([['eve@example.com']]);
  expect(server.received[0]?.content).toContain('Victims');
  expect(stdout).not.toContain('token=');
  expect((await cli.call(made.key, '/api/keys/current')).status).toBe(200);
  expect(await cli.signIn('eve@example.com', PASSWORD)).toBe(401);
  const issued = await cli.json('keys', 'issue', '--organization', made.organizationId, '--name', 'By the operator');
  expect(issued.apiKey.createdBy.name).toBe('eve@example.com');

  const second = await cli.run(['setup', '--organization', 'Others', '--email', 'eve@example.com'], { env });
  expect(second.stdout).toMatch(
    /its address is not confirmed: it may be a stranger’s\..*link that was mailed just now/s,
  );
});

test('Without a mail server, or where it refuses, the operator gets the link, which opens with the account’s password', async () => {
  await using server = await startMailServer();
  await signUp('nobody@example.com');
  const args = ['setup', '--email', 'nobody@example.com', '--organization'];
  const refused = JSON.parse((await cli.run([...args, 'Refused', '--json'], { env: { SMTP_URL: server.url } })).stdout);
  expect(refused.verification).toEqual({ sentTo: null, link: expect.stringMatching(VERIFY) });
  const { stdout } = await cli.run([...args, 'No mail server']);
  const [, token = ''] = VERIFY.exec(stdout) ?? [];
  expect(stdout).toMatch(/hand it on/);
  const verify = async (password: string) =>
    (await cli.post('/api/auth/verify-address', { token: decodeURIComponent(token), password })).status;
  expect(await verify('another password of mine')).toBe(401);
  expect(await verify(PASSWORD)).toBe(200);
  expect(await cli.signIn('nobody@example.com', PASSWORD)).toBe(200);
  // The memberships of both organizations have come.
  expect(
    await inDatabase(
      `set role introzy_auth`,
      `select count(*)::int as owned from members m join users u on u.id = m.user_id where u.email = 'nobody@example.com'`,
    ),
  ).toEqual([{ owned: 2 }]);
});
