import type { TestProject } from 'vitest/node';

/** The database's user must be able to create databases and roles. */
export default function setup(project: TestProject) {
  const url = process.env.TEST_DATABASE_URL ?? '';
  project.provide('database', { kind: 'postgres', adminUrl: url, ownerUrl: url });
}
