import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { UpsertResult } from '../../shared/contacts.ts';
import { openCsvFile } from '../../shared/csv/csvFile.ts';
import { type ContactImport, importContacts } from '../../shared/csv/importContacts.ts';
import type { ImportedFile } from '../../shared/csv/importedFile.ts';

const CREATED = { outcome: 'created', id: '01890000-0000-7000-8000-000000000000', version: 1 } as const;
const created = (contacts: object[]) => contacts.map((_, index): UpsertResult => ({ index, ...CREATED }));

/**
 * A file of `batches` times 100 rows. Each chunk completes a batch. `onChunk` is called before the reading of a chunk.
 * The file never waits: an import has read everything that the import wants by the next turn of the event loop.
 */
function fileOfBatches(batches: number, onChunk: (batch: number) => void): ImportedFile {
  const chunks = Array.from({ length: batches }, (_, batch) =>
    Array.from({ length: 100 }, (_, row) => `Person ${batch * 100 + row}\n`).join(''),
  );
  const encode = (text: string) => new TextEncoder().encode(text);
  return {
    name: 'people.csv',
    size: encode(`Name\n${chunks.join('')}`).length,
    async *read() {
      yield encode('Name\n');
      for (const [batch, chunk] of chunks.entries()) {
        onChunk(batch);
        yield encode(chunk);
      }
    },
  };
}

test('While a batch is written the next batch is read, and none after it', async () => {
  let read: number[] = [];
  const file = await openCsvFile(fileOfBatches(4, (batch) => read.push(batch)));
  read = [];
  const readWhileWritten: number[] = [];
  const write: ContactImport['write'] = async (contacts) => {
    await nextTurn();
    readWhileWritten.push(read.length);
    return created(contacts);
  };
  const counts = await importContacts(file, { write, appendFailed: () => {}, onProgress: () => {} });
  expect(counts).toEqual({ created: 400, updated: 0, unchanged: 0, failed: 0 });
  expect(readWhileWritten).toEqual([2, 3, 4, 4]);
});

test('A file that cannot be read to its end is told after the batch that is being written', async () => {
  let isBroken = false;
  const readable = fileOfBatches(3, (batch) => {
    if (isBroken && batch === 1) throw new Error('The disk is gone');
  });
  const file = await openCsvFile(readable);
  isBroken = true;
  const events: string[] = [];
  const write: ContactImport['write'] = async (contacts) => {
    await nextTurn();
    events.push('written');
    return created(contacts);
  };
  const onProgress: ContactImport['onProgress'] = ({ created }) => events.push(`progress ${created}`);
  await importContacts(file, { write, appendFailed: () => {}, onProgress }).catch(({ message }: Error) =>
    events.push(message),
  );
  expect(events).toEqual(['written', 'progress 100', 'The disk is gone']);
});

test.each(['The database does not answer', 'The database does not answer.'])(
  'A batch that cannot be written stops the import, with a sentence: %s',
  async (message) => {
    const file = await openCsvFile(fileOfBatches(3, () => {}));
    let calls = 0;
    const write: ContactImport['write'] = async (contacts) => {
      if (++calls === 2) throw new Error(message);
      return created(contacts);
    };
    await expect(importContacts(file, { write, appendFailed: () => {}, onProgress: () => {} })).rejects.toMatchObject({
      name: 'ImportError',
      message:
        'The import stopped at line 102, after 100 contacts: The database does not answer. Import the rest again: rows with an email address are not doubled.',
    });
    expect(calls).toBe(2);
  },
);

test('An import that is aborted while a batch waits to be written ends with the reason of the signal', async () => {
  const controller = new AbortController();
  const reason = new Error('Stopped');
  const write: ContactImport['write'] = async () => {
    controller.abort(reason);
    throw reason;
  };
  const file = await openCsvFile(fileOfBatches(2, () => {}));
  const { signal } = controller;
  const importing = importContacts(file, { write, appendFailed: () => {}, onProgress: () => {}, signal });
  await expect(importing).rejects.toBe(reason);
});
