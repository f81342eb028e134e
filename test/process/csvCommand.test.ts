import { createWriteStream } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { createProgressLine } from '../../server/cli/progress.ts';
import { commandLine } from '../helpers/commandLine.ts';

test('progress is shown on a terminal alone', () => {
  const written = (isTTY: boolean) => {
    let output = '';
    const stream = { isTTY, write: (text: string) => (output += text) };
    const progress = createProgressLine(stream as unknown as NodeJS.WriteStream);
    progress.show(() => '100 rows');
    progress.show(() => 'too soon');
    progress.clear();
    return output;
  };
  expect(written(false)).toBe('');
  expect(written(true)).toBe('\r\u001b[K100 rows\r\u001b[K');
});

/**
 * Writes a large file: about as large as the heap of the command's process. Of each ten rows, one row is valid, and
 * nine rows have a cell too many.
 */
async function writeLargeFile(path: string, rows: number) {
  const stream = createWriteStream(path);
  stream.write('First Name,Last Name,Email Address,Company,Notes\n');
  for (let row = 0; row < rows; row++) {
    const more = row % 10 === 0 ? '' : ',too many';
    const line = `Person,${row},p${row}@example.com,Company ${row % 977},"${'Met at the fair. '.repeat(24)}"${more}\n`;
    if (!stream.write(line)) await new Promise((drained) => stream.once('drain', drained));
  }
  stream.end();
  await finished(stream);
}

// MiB. The two generations of the heap have separate limits. A small young generation would make the old generation's
// collections most of the work.
const nodeOptions = ['--max-old-space-size=64', '--max-semi-space-size=16'];
test('the command streams 100,000 rows, and writes over no file that is there', async () => {
  await using cli = await commandLine();
  await cli.json('setup', '--organization', 'Acme', '--email', 'ada@example.com');
  const path = join(cli.directory, 'Connections.csv');
  const earlier = join(cli.directory, 'Connections.failed.csv');
  const failuresFile = join(cli.directory, 'Connections.failed-2.csv');
  await writeFile(earlier, 'rows that are being mended\n');
  await writeLargeFile(path, 100_000);
  const large = await cli.run(['contacts', 'import', path, '--json'], { nodeOptions });
  expect(large).toMatchObject({ status: 0, stderr: '' });
  expect(JSON.parse(large.stdout)).toEqual({ created: 10_000, updated: 0, unchanged: 0, failed: 90_000, failuresFile });
  const failures = (await readFile(failuresFile, 'utf8')).split('\n');
  expect(failures.length).toBe(90_002);
  expect(failures.at(-2)).toMatch(
    /^100001,"The row has 6 cells, and the header has 5",Person,99999,p99999@example\.com,/,
  );

  await writeFile(path, 'name,email\nAda,p0@example.com\nBob,\n');
  const { status, stdout, stderr } = await cli.run(['contacts', 'import', path]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toBe('Created:   1\nUpdated:   1\nUnchanged: 0\nFailed:    0\n');
  expect((await readdir(cli.directory)).filter((name) => name.includes('.failed'))).toEqual([
    'Connections.failed-2.csv',
    'Connections.failed.csv',
  ]);
  expect(await readFile(earlier, 'utf8')).toBe('rows that are being mended\n');

  const missing = await cli.run(['contacts', 'import', join(cli.directory, 'missing.csv'), '--json']);
  expect(missing).toMatchObject({ status: 1, stdout: '' });
  expect(missing.stderr).toMatch(/^error: There is no file .*missing\.csv\. /);
}, 180_000);
