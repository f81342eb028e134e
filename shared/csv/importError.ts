/** A file cannot be imported, or an import cannot go on. The message says why, and what to do. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
}
