import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { createOpenApi } from '../../server/doors/rest/openapi.ts';
import { programOf } from './judges.ts';

test('Redocly finds nothing to warn of', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'introzy-redocly-'));
  try {
    const file = join(directory, 'openapi.json');
    await writeFile(file, JSON.stringify(createOpenApi()));
    const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
    const args = ['lint', '--extends', 'recommended', '--format', 'json', file];
    const { stdout } = await promisify(execFile)(programOf('redocly'), args, { cwd: directory, env }).catch(
      (error: { stdout: string }) => error,
    );
    const { totals, problems } = JSON.parse(stdout);
    expect([totals, problems]).toEqual([{ errors: 0, warnings: 0, ignored: 0 }, []]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
