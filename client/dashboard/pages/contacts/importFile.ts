import type { UpsertResult } from '../../../../shared/contacts.ts';
import { ADDED_HEADERS, type Columns } from '../../../../shared/csv/columns.ts';
import {
  detectEncoding,
  findHeader,
  HEADER_WITHIN,
  LineTooLong,
  readRows,
  toLines,
} from '../../../../shared/csv/csvText.ts';
import { type Failure, readRow, reasonOf, toCsv, toFailureCells } from '../../../../shared/csv/readRow.ts';
import type { Row } from '../../../../shared/csv/rows.ts';

export interface ImportProgress {
  created: number;
  updated: number;
  unchanged: number;
  failed: number;
  /** How much of the file is done, 0 to 1. */
  share: number;
}

export interface ImportOptions {
  /** Writes some rows by `contacts.upsertMany`, merging. */
  upsert(contacts: Record<string, unknown>[]): Promise<UpsertResult[]>;
  onProgress(progress: ImportProgress): void;
  signal: AbortSignal;
}

/** The file cannot be imported, or no further; the message says why, how far it came, and what to do. */
class ImportError extends Error {
  override readonly name = 'ImportError';
}

/** Rows that are written together: as many as a call may have. */
const BATCH = 100;
/** Bytes that are read at a time. */
const CHUNK = 262_144;

/**
 * Imports a CSV file as `introzy contacts import` does: one batch after the other, so that of two rows with one email the
 * later one writes upon the earlier. Answers with the rows that failed, as a CSV file that can be mended and imported; none
 * where none did. Throws an `ImportError`; and what `signal` says where it is aborted.
 */
export async function importFile(file: Blob, { upsert, onProgress, signal }: ImportOptions): Promise<Blob | undefined> {
  const encoding = await chooseEncoding(file);
  const header = findHeader(await readFirstLines(file, encoding));
  if (!header) {
    throw new ImportError(
      `No header is understood in the first ${HEADER_WITHIN} lines. Put a line in front of the rows that names their columns, at least one of: Name, First Name, Last Name, Email.`,
    );
  }
  const { columns } = header;
  const progress: ImportProgress = { created: 0, updated: 0, unchanged: 0, failed: 0, share: 0 };
  const failures: string[] = [];
  let bytesRead = 0;
  const rows = readRows(
    header,
    toLines(readChunks(file), new TextDecoder(encoding, { fatal: true }), (bytes) => (bytesRead += bytes)),
  );
  for await (const batch of toBatches(rows)) {
    signal.throwIfAborted();
    const failed = await writeBatch({ batch, columns, progress, upsert });
    failures.push(toCsv(failed.map(toFailureCells)));
    progress.failed += failed.length;
    progress.share = bytesRead / file.size;
    onProgress({ ...progress });
  }
  onProgress({ ...progress, share: 1 });
  if (progress.failed === 0) return undefined;
  const names = toCsv([[...ADDED_HEADERS, ...columns.headers.slice(columns.added)]]);
  return new Blob([names, ...failures], { type: 'text/csv;charset=utf-8' });
}

interface Batch {
  batch: Row[];
  columns: Columns;
  progress: ImportProgress;
  upsert: ImportOptions['upsert'];
}

/** Writes what contacts there are in some rows, and answers with the other rows. */
async function writeBatch({ batch, columns, progress, upsert }: Batch): Promise<Failure[]> {
  const read = batch.map((row) => readRow(row, columns));
  const failures = read.flatMap((one) => ('reason' in one ? [one] : []));
  const contacts = read.flatMap((one) => ('contact' in one ? [one] : []));
  if (contacts.length === 0) return failures;
  const results = await upsert(
    // Without its guess at a name, which the service makes where the contact is new.
    contacts.map(({ contact: { fields, isNameGuess } }) => {
      const { name, ...others } = fields;
      return isNameGuess ? others : fields;
    }),
  ).catch((error: unknown) => {
    const done = progress.created + progress.updated + progress.unchanged;
    throw new ImportError(
      `It stopped at line ${batch[0]?.line}, after ${done} contacts: ${(error as Error).message} Import the rest again: rows with an email address are not doubled.`,
      { cause: error },
    );
  });
  for (const result of results) {
    if (result.outcome !== 'failed') {
      progress[result.outcome] += 1;
      continue;
    }
    const { line, cells } = contacts[result.index] as (typeof contacts)[number];
    failures.push({ line, cells, reason: reasonOf(result.issues) });
  }
  return failures.sort((a, b) => a.line - b.line);
}

async function* toBatches(rows: AsyncIterable<Row>): AsyncGenerator<Row[]> {
  let batch: Row[] = [];
  try {
    for await (const row of rows) {
      if ('cells' in row && row.cells.every((cell) => cell.trim() === '')) continue;
      batch.push(row);
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
    }
  } catch (error) {
    throw error instanceof LineTooLong ? new ImportError(`${error.message}: this is no CSV file.`) : error;
  }
  if (batch.length > 0) yield batch;
}

/** In slices, as not every browser lets a stream be read so. */
async function* readChunks(file: Blob): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.size; at += CHUNK) {
    yield new Uint8Array(await file.slice(at, at + CHUNK).arrayBuffer());
  }
}

/** By the byte order mark; else UTF-8 where all of the file is that, and else what Excel on Windows writes. */
async function chooseEncoding(file: Blob): Promise<string> {
  if (file.size === 0)
    throw new ImportError('The file is empty. Export it again, and see that it has a header and rows.');
  const encoding = detectEncoding(new Uint8Array(await file.slice(0, 2).arrayBuffer()));
  const decoder = new TextDecoder(encoding, { fatal: true });
  try {
    for await (const chunk of readChunks(file)) decoder.decode(chunk, { stream: true });
    decoder.decode();
    return encoding;
  } catch {
    if (encoding === 'utf-8') return 'windows-1252';
    throw new ImportError(
      `The file is not text in ${encoding.toUpperCase()}, as it says it is. Save it as “CSV UTF-8”.`,
    );
  }
}

async function readFirstLines(file: Blob, encoding: string): Promise<string[]> {
  const first: string[] = [];
  try {
    for await (const lines of toLines(readChunks(file), new TextDecoder(encoding, { fatal: true }))) {
      first.push(...lines);
      if (first.length >= HEADER_WITHIN) break;
    }
  } catch (error) {
    throw error instanceof LineTooLong ? new ImportError(`${error.message}: this is no CSV file.`) : error;
  }
  return first.slice(0, HEADER_WITHIN);
}
