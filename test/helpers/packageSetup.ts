import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

const CLIENT = resolve(import.meta.dirname, '../../client');

/** Builds and packs the client's package once for all test files, which would otherwise build in the same folder. */
export default async function setup(project: TestProject) {
  const folder = await mkdtemp(join(tmpdir(), 'introzy-packed-'));
  const { stdout } = await promisify(execFile)('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: CLIENT,
  });
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf('[\n')));
  const files = packed.files.map(({ path }: { path: string }) => path).sort();
  project.provide('package', { archive: join(folder, packed.filename), files });
  return () => rm(folder, { recursive: true, force: true });
}
