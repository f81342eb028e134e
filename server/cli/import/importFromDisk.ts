import type { Tenant } from '../../../db/admission.ts';
import { upsertContacts } from '../../../db/contactUpsert.ts';
import { judgeRows } from '../../../shared/contactRows.ts';
import { type ImportCounts, type ImportProgress, importContacts } from '../../../shared/csv/importContacts.ts';
import type { ContactFields } from '../../../shared/csv/interpretRow.ts';
import { openCsvFileAt } from './csvFileAt.ts';
import { createFailedRowsFile } from './failedRowsFile.ts';

export interface DiskImport {
  organizationId: string;
  path: string;
  /** The encoding that the operator names; `undefined` where the file decides. */
  encoding: string | undefined;
  onProgress(progress: ImportProgress): void;
}

export interface DiskImportResult {
  counts: ImportCounts;
  /** The path of the file of failed rows; `null` where no row failed. */
  failuresFile: string | null;
}

/** Imports the contacts of the CSV file at a path. Throws an `ImportError` with a message for the operator. */
export async function importFromDisk(
  db: Tenant,
  { organizationId, path, encoding, onProgress }: DiskImport,
): Promise<DiskImportResult> {
  const csvFile = await openCsvFileAt(path, encoding);
  const failedRows = await createFailedRowsFile(path);
  const write = async (contacts: ContactFields[]) => {
    const { rows, failed } = judgeRows(contacts, true);
    const written = await upsertContacts(db, { organizationId, rows, merge: true });
    if ('failure' in written) throw new Error('A row of a file names no id');
    return [...written, ...failed];
  };
  try {
    const counts = await importContacts(csvFile, { write, appendFailed: failedRows.append, onProgress });
    return { counts, failuresFile: counts.failed > 0 ? failedRows.path : null };
  } finally {
    await failedRows.close();
  }
}
