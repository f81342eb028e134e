import { expect } from 'vitest';
import type { TestApp } from './testApp.ts';

/** A contact as long as a contact can be, 435 KB: an emoji takes 4 bytes, and a kana 3 bytes. */
export const LONG = {
  name: 'Long',
  notes: '😀'.repeat(50_000),
  tags: Array.from({ length: 100 }, (_, n) => `${n}${'😀'.repeat(97)}`),
  customFields: { text: 'あ'.repeat(65_000) },
};

/** Makes contacts, one after the other, and gives their ids, newest first. */
export async function addContacts(app: TestApp, contacts: object[]): Promise<string[]> {
  const ids: string[] = [];
  for (const contact of contacts) {
    const { status, body } = await app.api(app.one.key, 'POST', '/api/contacts', contact);
    expect(status, JSON.stringify(body).slice(0, 500)).toBe(201);
    ids.unshift(body.data.id);
  }
  return ids;
}
