import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { keysIn } from '../../server/cli/scan/keysIn.ts';
import { scanCommand } from '../../server/cli/scan/scanCommand.ts';
import { newKey, wrongKey } from '../helpers/strayKeys.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'introzy scan-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Writes files by their names. Folders are made. */
async function write(files: Record<string, string | Buffer>) {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
}

/** Runs `introzy scan` in this process: the output without the temporary folder, and the exit status. */
async function scan(...args: string[]) {
  const said = { out: '', err: '' };
  const listen = (to: 'out' | 'err') => (written: unknown) => {
    said[to] += String(written).replaceAll(`${folder}/`, '');
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(listen('out')),
    vi.spyOn(process.stderr, 'write').mockImplementation(listen('err')),
  ];
  try {
    await scanCommand().parseAsync(args, { from: 'user' });
    return { ...said, status: process.exitCode };
  } finally {
    process.exitCode = undefined;
    for (const spy of spies) spy.mockRestore();
  }
}

const git = (...args: string[]) =>
  execFileSync('git', ['-C', folder, '-c', 'user.name=T', '-c', 'user.email=t@example.com', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });

async function* chunksOf(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const [first, second] = [newKey(), newKey()];
const LINES = `Ein Schlüssel: ਊĊ\n\n"${first}",\r\n${wrongKey()} x${second}0${first}\n`;
const bigEndian = (text: string) => Buffer.from(text, 'utf16le').swap16();
const utf32 = (text: string) => Buffer.concat([...text].map((letter) => Buffer.from([letter.charCodeAt(0), 0, 0, 0])));

test.each([
  ['UTF-8', Buffer.from(LINES)],
  ['UTF-16 LE with its mark', Buffer.from(`\uFEFF${LINES}`, 'utf16le')],
  ['UTF-16 BE with its mark', bigEndian(`\uFEFF${LINES}`)],
  ['UTF-16 LE without a mark', Buffer.from(LINES, 'utf16le')],
  ['UTF-16 BE without a mark', bigEndian(LINES)],
  ['UTF-32', utf32(LINES.slice(LINES.indexOf('\n')))],
  [
    'a binary file',
    Buffer.concat([
      Buffer.from([0, 255, 254, 10, 10, 0, 1]),
      Buffer.from(LINES.slice(LINES.indexOf('"'))),
      Buffer.alloc(9),
    ]),
  ],
])('Keys are found in %s, wherever a chunk of the stream ends', async (_, bytes) => {
  const whole = await Array.fromAsync(keysIn(chunksOf(bytes, bytes.length)));
  const hints = [first, second, first].map((key) => key.slice(8, 16));
  expect(whole.map(({ hint }) => hint)).toEqual(hints);
  for (const size of [7, 64, 301]) {
    expect((await Array.fromAsync(keysIn(chunksOf(bytes, size)))).map(({ hint }) => hint)).toEqual(hints);
  }
});

test('The line is counted from 1, also in UTF-16, and over many chunks', async () => {
  const lines = `${'ਊĊ no key here\n'.repeat(9_999)}${first}\n${'x\n'.repeat(500)}${second}`;
  for (const bytes of [Buffer.from(lines), Buffer.from(`\uFEFF${lines}`, 'utf16le'), bigEndian(`\uFEFF${lines}`)]) {
    for (const size of [65_536, 1_001]) {
      const found = await Array.fromAsync(keysIn(chunksOf(bytes, size)));
      expect(found.map(({ line }) => line)).toEqual([10_000, 10_501]);
    }
  }
});

test('A scan prints the file and line of each key, never the key, and its status tells what was found', async () => {
  await write({ 'a.txt': `\n${first} ${second}\n${first}`, 'b/c d.env': `KEY=${second}`, 'clean/x': wrongKey() });
  const found = await scan(folder);
  expect([found.status, found.out]).toEqual([1, 'a.txt:2\na.txt:3\nb/c d.env:1\n']);
  expect(found.err).toMatch(/^These lines contain API keys\. Take the keys out/);
  expect(await scan(join(folder, 'clean'))).toEqual({ status: 0, out: '', err: '' });
  expect(await scan(join(folder, 'clean'), '--json')).toEqual({ status: 0, out: '[]\n', err: '' });

  const missing = join(folder, 'missing');
  const err = 'error: missing cannot be read: no such file or directory\n'.replace('missing', missing);
  expect((await scan(missing, join(folder, 'clean'))).status).toBe(2);
  const both = await scan(missing, join(folder, 'b'), join(folder, 'b', 'c d.env'), '--json');
  expect({ ...both, out: JSON.parse(both.out) }).toEqual({
    status: 1,
    out: [{ file: 'b/c d.env', line: 1, hint: second.slice(8, 16) }],
    err: err.replaceAll(`${folder}/`, ''),
  });
});

test('A name of a file that is a key, or has control characters, is printed without them', async () => {
  await write({ [`${first}.txt`]: second, 'a\nb': first });
  expect((await scan(folder)).out).toBe('a\u{fffd}b:1\nintrozy_….txt:1\n');
  expect((await scan(folder, '--json')).out).not.toContain(first.slice(16));
});

test('What git would ignore is left out, at every level; what is given is read', async () => {
  const ignores = {
    '.gitignore': '\uFEFF*.log\n/top\nbuild/\r\n!keep.log\nDir\n# comment\nsecret\\ name\n',
    'src/.gitignore': '!build/\nlocal.*\n!local.txt\n',
    'src/deep/.gitignore': '*\n!seen.env\n',
  };
  const names = ['a.log', 'keep.log', 'top/x', 'src/top/x', 'build/x', 'src/build/x', 'dir/x', 'Dir/x', 'secret name'];
  names.push('src/local.env', 'src/local.txt', 'src/deep/seen.env', 'src/deep/unseen.env', 'other/local.env', 'A.LOG');
  await write({ ...ignores, ...Object.fromEntries(names.map((name) => [name, first])) });
  git('init', '-q');
  await write({ '.git/hooks/key': first });
  const listed = git('ls-files', '-z', '--cached', '--others', '--exclude-standard').split('\0');
  const seen = listed.filter((name) => names.includes(name)).sort();
  const read = async (...paths: string[]) => (await scan(...paths.map((path) => join(folder, path)))).out.split(':1\n');
  expect((await read('.')).slice(0, -1).sort()).toEqual(seen);
  // In a part of the repository, the rules of the folders above hold too.
  expect((await read('src')).slice(0, -1).sort()).toEqual(seen.filter((name) => name.startsWith('src/')));
  expect(await read('a.log', 'build', '.git/hooks')).toEqual(['a.log', 'build/x', '.git/hooks/key', '']);
});

test('Links are not followed, but where they are given', async () => {
  await write({ 'real/key': first, 'real/sub/x': 'x' });
  await symlink('..', join(folder, 'real/sub/loop'));
  await symlink('key', join(folder, 'real/link'));
  await symlink('real', join(folder, 'given'));
  await symlink('nowhere', join(folder, 'real/dangling'));
  expect(await scan(folder)).toMatchObject({ status: 1, out: 'real/key:1\n' });
  expect((await scan(join(folder, 'given'))).out).toBe('given/key:1\n');
});

test('With --staged, what git would commit is read, and not the working tree', async () => {
  const odd = ['-n', ' lead', 'a\tb', 'quo"te', 'ünï.txt', 'new\nline', ':(top)x', '*'];
  await write({
    'old.env': first,
    'moved.env': `${'same\n'.repeat(30)}${second}`,
    'sub/clean': 'x',
    'link-to-be': 'x',
  });
  git('init', '-q');
  git('add', '-A');
  git('commit', '-qm', 'first');
  expect(await scan('--staged', folder)).toEqual({ status: 0, out: '', err: '' });

  git('mv', 'moved.env', 'sub/moved.env');
  await write(Object.fromEntries(odd.map((name) => [`sub/${name}`, first])));
  await write({ 'worktree-only': first, 'staged-only': second, 'old.env': `${first}\nchanged` });
  git('add', 'sub', 'staged-only');
  await write({ 'staged-only': 'taken out again' });
  await rm(join(folder, 'sub/-n'));
  const shown = odd.map((name) => `sub/${name.replace(/[\n\t]/, '\u{fffd}')}:1`);
  const expected = [...shown, 'staged-only:1', 'sub/moved.env:31'].sort();
  const lines = ({ out }: { out: string }) => out.trimEnd().split('\n').sort();
  expect(lines(await scan('--staged', folder))).toEqual(expected);
  const part = await scan('--staged', join(folder, 'sub/*'), join(folder, 'staged-only'), join(folder, 'no/such'));
  expect(lines(part)).toEqual(['staged-only:1', 'sub/*:1']);

  const here = process.cwd();
  try {
    process.chdir(join(folder, 'sub'));
    expect(lines(await scan('--staged'))).toEqual(expected);
  } finally {
    process.chdir(here);
  }
});

test('With --staged outside of a repository, the status is 2, and git’s words are said', async () => {
  const { status, out, err } = await scan('--staged', folder);
  expect([status, out]).toEqual([2, '']);
  expect(err).toContain('cannot be read: fatal: not a git repository');
});
