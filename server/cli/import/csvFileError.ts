/** The file cannot be imported at all; the message says why, and what to do. */
export class CsvFileError extends Error {
  override readonly name = 'CsvFileError';
}
