import type { TestProject } from 'vitest/node';
import { embeddedTemplate } from './embedded.ts';

/** Each test file works on a copy of the template. */
export default async function setup(project: TestProject) {
  project.provide('embeddedTemplate', await embeddedTemplate());
  project.provide('database', { kind: 'embedded' });
}
