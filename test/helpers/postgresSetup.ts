import type { TestProject } from 'vitest/node';
import { createTemplate } from './database.ts';
import { startPostgres } from './postgres.ts';

export default async function setup(project: TestProject) {
  // Durability is not the subject of these tests, and costs most of their time.
  const { adminUrl, ownerUrl, stop } = await startPostgres({ fsync: 'off', full_page_writes: 'off' });
  const { name: template } = await createTemplate({ adminUrl, ownerUrl });
  project.provide('database', { kind: 'postgres', adminUrl, ownerUrl, template });
  return stop;
}
