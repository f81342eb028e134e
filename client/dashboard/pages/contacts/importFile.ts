import { openCsvFile } from '../../../../shared/csv/csvFile.ts';
import { type ContactImport, importContacts } from '../../../../shared/csv/importContacts.ts';
import type { ImportedFile } from '../../../../shared/csv/importedFile.ts';

export type ImportOptions = Omit<ContactImport, 'appendFailed'>;

/** Imports a CSV file. Gives the CSV file of the failed rows; `undefined` where no row failed. */
export async function importFile(blob: Blob, options: ImportOptions): Promise<Blob | undefined> {
  // Excel on Windows writes plain CSV as windows-1252.
  const csvFile = await openCsvFile(fileOf(blob), { fallback: 'windows-1252' });
  const failed: string[] = [];
  await importContacts(csvFile, { ...options, appendFailed: (csv) => void failed.push(csv) });
  return failed.length === 0 ? undefined : new Blob(failed, { type: 'text/csv;charset=utf-8' });
}

/** The number of bytes that are read at a time. */
const CHUNK = 262_144;

const fileOf = (blob: Blob): ImportedFile => ({
  name: 'The file',
  size: blob.size,
  // The file is read in slices, because not every browser can iterate over a stream.
  async *read() {
    for (let at = 0; at < blob.size; at += CHUNK) {
      yield new Uint8Array(await blob.slice(at, at + CHUNK).arrayBuffer());
    }
  },
});
