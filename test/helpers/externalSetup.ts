import type { TestProject } from 'vitest/node';
import { createTemplate } from './database.ts';

/** Uses the server of TEST_DATABASE_URL. The URL's user must be able to create databases and roles. */
export default async function setup(project: TestProject) {
  const url = process.env.TEST_DATABASE_URL ?? '';
  const { name: template, drop } = await createTemplate({ adminUrl: url, ownerUrl: url });
  project.provide('database', { kind: 'postgres', adminUrl: url, ownerUrl: url, template });
  return drop;
}
