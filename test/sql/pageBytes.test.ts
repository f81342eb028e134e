import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { listContacts } from '../../db/contactList.ts';
import { settle } from '../../server/procedures/outcome.ts';
import { encodeCursor } from '../../shared/paging.ts';
import { addContacts, LONG } from '../helpers/longContacts.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const MOST = 4 * 1_048_576;
const MANY = { timeout: 180_000 };

/** Reads every page over REST. Gives the ids, and the size of each answer. */
async function readAll(app: TestApp, conditions: string) {
  const ids: string[] = [];
  const sizes: number[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const path = `/api/contacts?limit=200${conditions}${cursor ? `&cursor=${cursor}` : ''}`;
    const { status, body, text } = await app.api(app.one.key, 'GET', path);
    expect(status).toBe(200);
    sizes.push(Buffer.byteLength(text));
    ids.push(...body.data.map(({ id }: { id: string }) => id));
    cursor = body.nextCursor;
  }
  return { ids, sizes };
}

test(
  'A page of the longest contacts is cut at 4 MiB, whatever way the contacts are found, and paging goes on',
  MANY,
  async () => {
    await using app = await testApp({ isAlone: true });
    const email = 'same@example.com';
    const long = await addContacts(
      app,
      Array.from({ length: 24 }, () => LONG),
    );
    // More short contacts than the first window of a search has: the index finds the long contacts.
    for (let batch = 0; batch < 4; batch++) {
      const rows = Array.from({ length: 100 }, () => ({ name: 'Short', tags: ['short'] }));
      expect((await app.api(app.one.key, 'POST', '/api/contacts/batch', rows)).status).toBe(200);
    }
    // Deleted contacts of an email, with a living contact of the same email.
    const deleted: string[] = [];
    for (let n = 0; n < 10; n++) {
      const [id = ''] = await addContacts(app, [{ ...LONG, name: 'Same', email }]);
      expect((await app.api(app.one.key, 'DELETE', `/api/contacts/${id}`)).status).toBe(200);
      deleted.unshift(id);
    }
    const [living = ''] = await addContacts(app, [{ ...LONG, name: 'Same', email }]);

    for (const [conditions, ids] of [
      ['&search=long', long],
      [`&tag=${encodeURIComponent(LONG.tags[7] as string)}`, [living, ...long]],
      ['&search=same&includeDeleted=true', [living, ...deleted]],
      [`&email=${email}&includeDeleted=true`, [living, ...deleted]],
    ] as const) {
      const read = await readAll(app, conditions);
      expect(read.ids, conditions).toEqual(ids);
      expect(Math.max(...read.sizes), conditions).toBeLessThanOrEqual(MOST);
      // Every page but the last page is nearly full.
      for (const size of read.sizes.slice(0, -1)) expect(size, conditions).toBeGreaterThan(MOST - 600_000);
    }
    for (const [conditions, count] of [
      ['', 425],
      ['&includeDeleted=true', 435],
      ['&updatedSince=2020-01-01T00:00:00Z', 425],
    ] as const) {
      const { ids, sizes } = await readAll(app, conditions);
      expect([new Set(ids).size, ids.length], conditions).toEqual([count, count]);
      expect(ids, conditions).toEqual([...ids].sort().reverse());
      expect(Math.max(...sizes), conditions).toBeLessThanOrEqual(MOST);
    }
  },
);

test('A page has as many contacts as fit, and one contact at least', MANY, async () => {
  await using app = await testApp({ isAlone: true });
  const lengths = Array.from({ length: 40 }, (_, n) => ((n * 37) % 11 === 0 ? 9_000 : (n * n * 97) % 2_000));
  const ids = await addContacts(
    app,
    lengths.map((length) => ({ name: 'Ada É', notes: 'é'.repeat(length) })),
  );
  const db = asOperator(app.db, app.one.id);
  const base = { organizationId: app.one.id, includeDeleted: false };
  const sizes = new Map<string, number>();
  for (const id of ids) {
    const { text } = await app.api(app.one.key, 'GET', `/api/contacts/${id}`);
    sizes.set(id, Buffer.byteLength(text) - '{"success":true,"data":}'.length);
  }
  for (const conditions of [{}, { search: 'ada' }, { updatedSince: new Date(0) }]) {
    for (const limit of [1, 7, 40, 200]) {
      for (const bytes of [1, 2_000, 20_000, 60_000, 1_000_000]) {
        // The model: contacts are taken while the page has room for them, each with the text between two contacts.
        const pages: string[][] = [[]];
        let size = 0;
        for (const id of ids) {
          const added = (sizes.get(id) as number) + 2;
          const page = pages.at(-1) as string[];
          if (page.length > 0 && (page.length === limit || size + added > bytes)) {
            pages.push([id]);
            size = added;
          } else {
            page.push(id);
            size += added;
          }
        }
        const read: string[][] = [];
        for (let cursor: string | undefined; read.length < 50; ) {
          const place = cursor === undefined ? undefined : { sort: '-createdAt' as const, key: null, id: cursor };
          const page = settle(
            await listContacts(db, { ...base, ...conditions, limit, bytes, cursor: place }),
            'contact',
          );
          read.push(page.items.map(({ id }) => id));
          if (page.nextCursor === null) break;
          cursor = ids[read.flat().length];
          expect(page.nextCursor).toBe(encodeCursor(cursor as string));
        }
        expect(read, JSON.stringify({ conditions, limit, bytes })).toEqual(pages);
      }
    }
  }
});
