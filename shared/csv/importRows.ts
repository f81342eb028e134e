import type { Tenant } from '../../db/admission.ts';
import { upsertContacts } from '../../db/contactUpsert.ts';
import type { CsvFile } from '../../server/cli/import/csvFile.ts';
import type { FailuresFile } from '../../server/cli/import/failures.ts';
import { judgeBatch } from '../../server/cli/import/judgeBatch.ts';
import type { Row } from './rows.ts';

export interface ImportCounts {
  created: number;
  updated: number;
  unchanged: number;
  failed: number;
}

export interface ContactImport {
  organizationId: string;
  file: CsvFile;
  failures: FailuresFile;
  /** Called after each batch. */
  onProgress(counts: ImportCounts): void;
}

/** Rows that are written together: as many as a call of the API may have. */
const BATCH = 100;

/** The database refused a batch; the message says how far the import came. */
export class ImportStopped extends Error {
  override readonly name = 'ImportStopped';
}

/**
 * Writes the rows of a file, one batch after the other: of two rows with one email, the later one writes upon the
 * earlier. While a batch is written the next one is read, and no more than these are held.
 */
export async function importContacts(
  db: Tenant,
  { organizationId, file, failures, onProgress }: ContactImport,
): Promise<ImportCounts> {
  const counts: ImportCounts = { created: 0, updated: 0, unchanged: 0, failed: 0 };
  const write = async (batch: Row[]) => {
    const { rows, failed } = judgeBatch(batch, file.columns);
    try {
      for (const { outcome } of await upsertContacts(db, { organizationId, rows, merge: true })) counts[outcome] += 1;
    } catch (error) {
      throw stopped(error as Error, { line: batch[0]?.line, counts });
    }
    await failures.add(failed);
    counts.failed += failed.length;
    onProgress(counts);
  };

  let writing = Promise.resolve();
  for await (const batch of toBatches(file.rows())) {
    await writing;
    writing = write(batch);
    // Whoever awaits it is told; that may be after the next batch was read.
    writing.catch(() => {});
  }
  await writing;
  return counts;
}

async function* toBatches(rows: AsyncIterable<Row>): AsyncGenerator<Row[]> {
  let batch: Row[] = [];
  for await (const row of rows) {
    if ('cells' in row && row.cells.every((cell) => cell.trim() === '')) continue;
    batch.push(row);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function stopped(error: Error, { line, counts }: { line: number | undefined; counts: ImportCounts }) {
  const done = counts.created + counts.updated + counts.unchanged;
  return new ImportStopped(
    `The import stopped at line ${line}, after ${done} contacts: ${error.message}. Import the rest again: rows with an email address are not doubled.`,
    { cause: error },
  );
}
