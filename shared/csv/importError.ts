/** Says that a file cannot be imported, or that an import cannot go on. The message gives the reason and a remedy. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
}
