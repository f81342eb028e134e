import { chmod, lstat, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { takeDataDirectory } from '../../server/start/dataDirectory.ts';
import { makePlace, startService } from '../helpers/service.ts';

/** The entries below a directory that others may use, as `path mode`. */
async function openEntries(directory: string): Promise<string[]> {
  const names = ['.', ...(await readdir(directory, { recursive: true }))];
  const entries = names.map(async (name) => {
    // PostgreSQL deletes files while it works.
    const entry = await lstat(join(directory, name)).catch(() => undefined);
    if (!entry || entry.isSymbolicLink()) return [];
    const isPrivate = (entry.mode & 0o7777) === (entry.isDirectory() ? 0o700 : 0o600);
    return isPrivate ? [] : [`${name} ${(entry.mode & 0o7777).toString(8)}`];
  });
  return (await Promise.all(entries)).flat();
}

test('All in DATA_DIR is its owner’s alone, also what was open before, and what a service makes', async () => {
  await using place = await makePlace('embedded', { isUnmade: true });
  const { dataDirectory } = place;
  const outside = `${dataDirectory}-outside`;
  await writeFile(outside, 'not ours');
  await chmod(outside, 0o644);
  await mkdir(join(dataDirectory, 'folder'), { recursive: true });
  await writeFile(join(dataDirectory, 'folder', 'file'), 'open');
  await writeFile(join(dataDirectory, 'key-secrets.new'), 'open');
  await symlink(outside, join(dataDirectory, 'link'));
  for (const name of ['folder/file', 'key-secrets.new']) await chmod(join(dataDirectory, name), 0o666);
  for (const name of ['folder', '.']) await chmod(join(dataDirectory, name), 0o755);
  // A shell with a wide umask starts the service.
  const openly = ['sh', '-c', 'umask 000 && exec "$@"', 'sh'];
  {
    await using service = await startService(place.environment, openly);
    const [key = ''] = service.output().match(/introzy_[0-9a-f]{64}/) ?? [];
    expect((await service.call(key, 'POST', '/api/contacts', { name: 'Kept' })).status).toBe(201);
    expect(await openEntries(dataDirectory)).toEqual([]);
  }
  expect((await lstat(outside)).mode & 0o777).toBe(0o644);

  await chmod(join(dataDirectory, 'database'), 0o755);
  await chmod(join(dataDirectory, 'database', 'PG_VERSION'), 0o666);
  await chmod(join(dataDirectory, 'key-secrets'), 0o644);
  await using service = await startService(place.environment, openly);
  expect(service.migrated).toEqual([]);
  expect(await openEntries(dataDirectory)).toEqual([]);
}, 120_000);

test('The directory of a program is refused, and its files stay as they are', async () => {
  await using place = await makePlace('embedded', { isUnmade: true });
  const { dataDirectory } = place;
  await mkdir(dataDirectory, { recursive: true });
  const program = join(dataDirectory, 'run');
  await writeFile(program, 'a program');
  await writeFile(join(dataDirectory, 'package.json'), '{}');
  await chmod(program, 0o755);
  await expect(takeDataDirectory(dataDirectory)).rejects.toThrow(/is the directory of a program: it has package\.json/);
  expect((await lstat(program)).mode & 0o777).toBe(0o755);
  expect(await readdir(dataDirectory)).toEqual(['package.json', 'run']);
});
