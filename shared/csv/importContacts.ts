import type { UpsertResult } from '../contacts.ts';
import type { Issue } from '../errors.ts';
import type { CsvFile } from './csvFile.ts';
import { type FailedRow, failedHeader, failedRowsCsv } from './failedRows.ts';
import { ImportError } from './importError.ts';
import { type ContactFields, interpretRow } from './interpretRow.ts';
import type { Row } from './rows.ts';

/** The number of rows with each outcome. */
export interface ImportCounts {
  created: number;
  updated: number;
  unchanged: number;
  failed: number;
}

export interface ImportProgress extends ImportCounts {
  /** The share of the file that has been read, 0 to 1. */
  share: number;
}

export interface ContactImport {
  /** Writes up to 100 contacts, as `contacts.upsertMany` does with `merge`: a contact may lack a name. */
  write(contacts: ContactFields[]): Promise<UpsertResult[]>;
  /** Appends text to the CSV file of failed rows. The first text begins with the file's header. */
  appendFailed(csv: string): void | Promise<void>;
  /** Called after each batch. */
  onProgress(progress: ImportProgress): void;
  /** Ends the import before the next batch is written. */
  signal?: AbortSignal;
}

/** The largest number of rows in a batch: the limit of a call of `contacts.upsertMany`. */
const BATCH = 100;

/**
 * Imports the rows of a file in batches, in the file's order. Where two rows have the same email, the later row changes
 * the contact that the earlier row wrote. While a batch is written the next batch is read; no more than these two
 * batches are in memory. Throws an `ImportError` where a batch cannot be written, and the reason of `signal` once
 * `signal` is aborted.
 */
export async function importContacts(file: CsvFile, contactImport: ContactImport): Promise<ImportCounts> {
  const { onProgress, signal } = contactImport;
  const counts: ImportCounts = { created: 0, updated: 0, unchanged: 0, failed: 0 };
  let writing = Promise.resolve();
  try {
    for await (const batch of batchesOf(file.rows())) {
      await writing;
      signal?.throwIfAborted();
      writing = importBatch(batch, { file, counts, contactImport });
      // The rejection is thrown where `writing` is awaited, which may be after the next batch has been read.
      writing.catch(() => {});
    }
  } finally {
    await writing;
  }
  onProgress({ ...counts, share: 1 });
  return counts;
}

async function* batchesOf(rows: AsyncIterable<Row>): AsyncGenerator<Row[]> {
  let batch: Row[] = [];
  for await (const row of rows) {
    const isBlank = 'cells' in row && row.cells.every((cell) => cell.trim() === '');
    if (isBlank) continue;
    batch.push(row);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

interface RunningImport {
  file: CsvFile;
  /** The counts of the earlier batches. The counts of this batch are added. */
  counts: ImportCounts;
  contactImport: ContactImport;
}

async function importBatch(batch: Row[], { file, counts, contactImport }: RunningImport): Promise<void> {
  const { write, appendFailed, onProgress, signal } = contactImport;
  const interpreted = batch.map((row) => interpretRow(row, file.columns));
  const valid = interpreted.filter((row) => 'contact' in row);
  const failed: FailedRow[] = interpreted.filter((row) => 'reason' in row);
  if (valid.length > 0) {
    const results = await write(valid.map(({ contact }) => contact)).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw stopped(error as Error, { line: batch[0]?.line, counts });
    });
    for (const result of results) {
      if (result.outcome !== 'failed') {
        counts[result.outcome] += 1;
        continue;
      }
      const { line, cells } = valid[result.index] as (typeof valid)[number];
      failed.push({ line, cells, reason: reasonOf(result.issues) });
    }
  }
  if (failed.length > 0) {
    const header = counts.failed === 0 ? failedHeader(file.columns) : '';
    await appendFailed(header + failedRowsCsv(failed.sort((a, b) => a.line - b.line)));
  }
  counts.failed += failed.length;
  onProgress({ ...counts, share: file.readShare() });
}

function stopped(error: Error, { line, counts }: { line: number | undefined; counts: ImportCounts }): ImportError {
  const done = counts.created + counts.updated + counts.unchanged;
  const reason = /[.!?]$/.test(error.message) ? error.message : `${error.message}.`;
  return new ImportError(
    `The import stopped at line ${line}, after ${done} contacts: ${reason} Import the rest again: rows with an email address are not doubled.`,
    { cause: error },
  );
}

/** Writes issues as a sentence: `email: Not an email address; name: Must be 1 to 500 characters` */
const reasonOf = (issues: readonly Issue[]) =>
  issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
