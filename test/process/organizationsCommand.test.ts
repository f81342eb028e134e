import { expect, test } from 'vitest';
import { commandLine } from '../helpers/commandLine.ts';

test('An organization is listed, renamed, deleted and restored at the command line', async () => {
  await using line = await commandLine();
  const { organizationId: id, key } = await line.json('setup', '--organization', 'Acme', '--email', 'ada@example.com');
  const list = async () => (await line.json('organizations', 'list')).items;
  const fails = async (message: string, ...args: string[]) =>
    expect(await line.run(args)).toMatchObject({ status: 1, stderr: expect.stringContaining(message) });

  expect(await list()).toMatchObject([{ id, name: 'Acme', state: 'active', deletedAt: null, erasedAt: null }]);
  expect(await line.json('organizations', 'rename', 'Acme', 'Acme & Sons')).toEqual({
    organization: { id, name: 'Acme & Sons' },
  });
  await fails('no organization of this id or name', 'organizations', 'delete', 'Acme');
  await fails('new name must be', 'organizations', 'rename', id, '\u200b');
  await fails('new name must be', 'organizations', 'rename', id, 'Acme \u202egnp.exe');
  await fails('is not deleted', 'organizations', 'restore', id);

  const { organization } = await line.json('organizations', 'delete', 'Acme & Sons');
  expect(organization).toMatchObject({ id, name: 'Acme & Sons', erasedAt: expect.any(String) });
  expect((await line.call(key, '/api/contacts')).body.details.reason).toBe('API key has been revoked');
  expect(await list()).toMatchObject([{ id, state: 'deleted', erasedAt: organization.erasedAt }]);
  await fails('organizations restore', 'keys', 'list', '--organization', id);
  await fails('organizations restore', 'organizations', 'delete', id);

  expect(await line.json('organizations', 'restore', 'Acme & Sons')).toEqual({
    organization: { id, name: 'Acme & Sons' },
  });
  expect((await line.call(key, '/api/contacts')).status).toBe(200);
});
