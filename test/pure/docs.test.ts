import { readFileSync } from 'node:fs';
import { access, glob, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { drawPicture, PICTURE_FILE } from '../helpers/picture.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const pages = await Array.fromAsync(glob(['README.md', 'CONTRIBUTING.md', 'docs/**/*.md'], { cwd: ROOT }));

/** The texts of the pattern's group, without repetitions. */
const allOf = (text: string, pattern: RegExp) => [
  ...new Set([...text.matchAll(pattern)].map(([, found = '']) => found)),
];

async function missing(files: string[]): Promise<string[]> {
  const found = await Promise.all(
    files.map((file) =>
      access(join(ROOT, file))
        .then(() => true)
        .catch(() => false),
    ),
  );
  return files.filter((_, index) => !found[index]);
}

/** A path of a file or folder in code: `db/open.ts` or `server/doors/`, and not `docs/*.png`. */
const PATH = /`((?:shared|db|server|client|test|docs|\.ci)\/[\w./-]*)`/g;
/** A link to a file, without the link's anchor. */
const LINK = /\]\((?!https?:|#)([^)#]+)[^)]*\)/g;
/** A script, with or without npm's own options: `npm run --silent introzy`. */
const SCRIPT = /npm run (?:--silent )?([\w:]+)/g;

test.each(pages)('%s names files that exist', async (page) => {
  const text = read(page);
  const linked = allOf(text, LINK).map((link) => join(dirname(page), link));
  expect(await missing([...allOf(text, PATH), ...linked])).toEqual([]);
});

test('A script that a page names is in package.json', () => {
  const { scripts } = JSON.parse(read('package.json'));
  const named = pages.flatMap((page) => allOf(read(page), SCRIPT));
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});

test('docs/architecture.md says why each function and trigger of the schema exists, and names no others', () => {
  const schema = read('docs/schema.sql');
  const functions = allOf(schema, /^CREATE FUNCTION public\.(\w+)/gm);
  expect(functions.length).toBeGreaterThan(0);
  const [, tables = ''] = read('docs/architecture.md').split('## Every function in SQL');
  const rows = tables.split('\n').filter((line) => line.startsWith('|'));
  const named = rows.flatMap((row) => allOf(row.split('|')[1] ?? '', /`(introzy_\w+)`/g));
  expect(named.sort()).toEqual(functions.sort());

  const triggers = [...schema.matchAll(/^CREATE TRIGGER (\w+) .* ON public\.(\w+) .* public\.(\w+)\(\)/gm)];
  expect(triggers.length).toBeGreaterThan(0);
  for (const [, trigger, table, calls] of triggers) {
    const row = rows.find((line) => line.startsWith(`| \`${table}\``)) ?? '';
    expect(row, `${trigger} of ${table}`).toContain(`\`${trigger}\``);
    expect(row, `${trigger} of ${table}`).toContain(`\`${calls}\``);
  }
});

test('docs/architecture.svg is the picture of docs/architecture.dot', async () => {
  expect(await readFile(PICTURE_FILE, 'utf8'), 'npm run picture draws it anew').toBe(await drawPicture());
});
