import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { importFromDisk } from '../../server/cli/import/importFromDisk.ts';
import type { TestApp } from './testApp.ts';

/** The folder for the files to import. `makeDirectory` sets the folder for a test file. */
export let directory: string;

export function makeDirectory() {
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'introzy-csv-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));
}

export interface Imported {
  created: number;
  updated: number;
  unchanged: number;
  failed: number;
  /** The text of the file of failures; `undefined` where the import wrote no such file. */
  failures: string | undefined;
}

/** Imports the file at a path into the organization `one`, by the function that the command calls. */
async function importPath(app: TestApp, path: string, encoding?: string): Promise<Imported> {
  const organizationId = app.one.id;
  const options = { organizationId, path, encoding, onProgress: () => {} };
  const { counts, failuresFile } = await importFromDisk(asOperator(app.db, organizationId), options);
  return { ...counts, failures: failuresFile === null ? undefined : await readFile(failuresFile, 'utf8') };
}

export async function importText(app: TestApp, text: string | Buffer, encoding?: string): Promise<Imported> {
  const path = join(directory, 'contacts.csv');
  await writeFile(path, text);
  return await importPath(app, path, encoding);
}

export const importFixture = async (app: TestApp, name: string) =>
  await importText(app, await readFile(join(import.meta.dirname, '../fixtures', name)));

/** The organization's contacts, sorted by name, without ids, dates and empty fields. */
export async function contactsOf(app: TestApp, { key } = app.one) {
  const { body } = await app.api(key, 'GET', '/api/contacts?limit=200');
  const contacts = body.data.map((contact: Record<string, unknown>) => {
    const { id, organizationId, createdAt, updatedAt, otherEmails, otherPhones, ...rest } = contact;
    expect([otherEmails, otherPhones]).toEqual([[], []]);
    return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null));
  });
  return contacts.sort((a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1));
}

export const counts = ({ created, updated, unchanged, failed }: Imported) => [created, updated, unchanged, failed];
