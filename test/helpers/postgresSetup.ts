import type { TestProject } from 'vitest/node';
import { startPostgres } from './postgres.ts';

export default async function setup(project: TestProject) {
  // Durability is not the subject, and costs most of the time.
  const server = await startPostgres({ fsync: 'off', full_page_writes: 'off' });
  project.provide('database', { kind: 'postgres', adminUrl: server.adminUrl, ownerUrl: server.ownerUrl });
  return () => server.stop();
}
