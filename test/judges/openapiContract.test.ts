import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { serveWithKey } from '../helpers/serveApp.ts';
import { testApp } from '../helpers/testApp.ts';
import { SPECMATIC } from './judges.ts';
import { prepare, writeExamples } from './specmatic.ts';

/**
 * The most combinations of an operation's optional parts that Specmatic sends. All combinations would be some hundred
 * thousand.
 */
const COMBINATIONS = '5';

test('Specmatic makes up requests, good and bad, and finds each answered as described', {
  timeout: 400_000,
}, async () => {
  await using app = await testApp();
  await using server = await serveWithKey(app, app.one.key);
  const directory = await mkdtemp(join(tmpdir(), 'introzy-specmatic-'));
  try {
    const description = join(directory, 'openapi.json');
    const { body: document } = await app.api(undefined, 'GET', '/openapi.json');
    await writeFile(description, JSON.stringify(prepare(document)));
    const examples = join(directory, 'examples');
    await writeExamples(app, document, examples);
    const args = ['-jar', SPECMATIC, 'test', `--testBaseURL=${server.address}`, `--examples=${examples}`, description];
    const { PATH = '', HOME = '' } = process.env;
    const env = { PATH, HOME, SPECMATIC_GENERATIVE_TESTS: 'true', MAX_TEST_REQUEST_COMBINATIONS: COMBINATIONS };
    const options = { cwd: directory, env, maxBuffer: 256 * 1024 * 1024, timeout: 360_000 };
    const { stdout, code } = await promisify(execFile)('java', args, options).then(
      (ended) => ({ ...ended, code: 0 }),
      (ended: { stdout: string; code: number }) => ended,
    );
    const failed = [...stdout.matchAll(/^Scenario: (.{1,300}).* has FAILED$/gm)].map(([, name]) => name);
    expect(failed).toEqual([]);
    const [, run, failures] = /^Tests run: (\d+), Successes: \d+, Failures: (\d+),/m.exec(stdout) ?? [];
    expect(Number(run)).toBeGreaterThan(500);
    expect([failures, code]).toEqual(['0', 0]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
