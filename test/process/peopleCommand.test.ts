import { expect, test } from 'vitest';
import { commandLine } from '../helpers/commandLine.ts';
import { runAs } from '../helpers/database.ts';

const PATIENCE = { timeout: 240_000 };

test(
  'At the command line a person gets a new password by a link that works once, is exported, and is erased',
  PATIENCE,
  async () => {
    await using line = await commandLine();
    const { organizationId: id } = await line.json('setup', '--organization', 'Acme', '--email', 'ada@example.com');
    const ofAda = ['--email', 'ada@example.com'];
    const fails = async (message: string, ...args: string[]) => {
      const { status, stdout, stderr } = await line.run(args);
      expect({ status, stdout }, stderr).toEqual({ status: 1, stdout: '' });
      expect(stderr).toContain(message);
    };

    const first = await line.json('people', 'reset-password', ...ofAda);
    const { email, link, expiresAt } = await line.json('people', 'reset-password', ...ofAda);
    expect(email).toBe('ada@example.com');
    expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(50 * 60_000);
    const tokenOf = (url: string) => new URL(url).searchParams.get('token');
    const reset = (token: string | null) =>
      line.post('/api/auth/reset-password', { token, newPassword: 'correct horse battery staple' });
    expect((await reset(tokenOf(first.link))).status).toBe(400);
    expect((await reset(tokenOf(link))).status).toBe(200);
    expect((await reset(tokenOf(link))).status).toBe(400);
    await fails('no account', 'people', 'reset-password', '--email', 'nobody@example.com');
    await fails('--email', 'people', 'reset-password', '--email', 'nobody');

    const data = await line.json('people', 'export', ...ofAda);
    expect(data).toMatchObject({ account: { email }, organizations: [{ id, membership: { role: 'owner' } }] });
    const actions = data.organizations[0].auditLog.map(({ action }: { action: string }) => action);
    expect(actions.filter((action: string) => action === 'person.resetIssued')).toHaveLength(2);
    await fails('Nothing is kept', 'people', 'export', '--email', 'nobody@example.com');

    await fails('Add --yes', 'people', 'erase', ...ofAda);
    await fails(`${id}  Acme`, 'people', 'erase', ...ofAda, '--yes');
    await line.json('setup', '--organization', 'Other', '--email', 'eve@example.com');
    await line.json('organizations', 'delete', 'Acme');
    await fails(`${id}  Acme, deleted`, 'people', 'erase', ...ofAda, '--yes');
    await line.json('organizations', 'restore', 'Acme');
    await runAs(line.adminUrl as string, [
      `insert into members select '${id}', gen_random_uuid(), id, 'owner' from users where email = 'eve@example.com'`,
    ]);
    expect(await line.json('people', 'erase', ...ofAda, '--yes')).toMatchObject({
      userId: data.account.id,
      organizations: [id],
      revokedKeys: [],
    });
    await fails('no account', 'people', 'reset-password', ...ofAda);
  },
);
