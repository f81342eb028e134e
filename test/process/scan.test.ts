import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { newKey } from '../helpers/strayKeys.ts';

const ROOT = resolve(import.meta.dirname, '../..');

test('The hook of the README, as pasted, refuses a commit with a key, and lets a commit without a key pass', async () => {
  const repository = await mkdtemp(join(tmpdir(), "introzy hook's "));
  try {
    const git = (...args: string[]) => spawnSync('git', ['-C', repository, ...args], { encoding: 'utf8' });
    git('init', '-q');
    git('config', 'user.name', 'Test');
    git('config', 'user.email', 'test@example.com');
    const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
    const [, snippet = ''] = /```sh\n(repository=\.[^`]*)```/.exec(readme) ?? [];
    const pasted = snippet.replace('repository=.', 'repository=$REPOSITORY');
    expect(pasted).not.toBe(snippet);
    execFileSync('sh', ['-ec', pasted], { cwd: ROOT, env: { ...process.env, REPOSITORY: repository } });

    const key = newKey();
    await writeFile(join(repository, 'settings.env'), `# Settings\nKEY=${key}\n`);
    git('add', '-A');
    const refused = git('commit', '-m', 'with a key');
    expect([refused.status, refused.stderr + refused.stdout]).toEqual([1, expect.stringContaining('settings.env:2\n')]);
    expect(refused.stderr + refused.stdout).not.toContain(key.slice(16));
    expect(git('rev-parse', 'HEAD').status).toBe(128);

    await writeFile(join(repository, 'settings.env'), '# Settings\n');
    expect(git('commit', '-am', 'without a key')).toMatchObject({ status: 0 });
  } finally {
    await rm(repository, { recursive: true, force: true });
  }
});
