import { z } from 'zod';

/** Asks a procedure for the answer that it would give, and has nothing written. */
export const dryRun = z
  .boolean({ error: 'Must be true or false' })
  .optional()
  .describe('`true`: give the answer that the call would give, and write nothing');

/**
 * True where a raw input asks for a dry run. A procedure that knows no dry run refuses the field afterwards, by its schema.
 */
export const isDryRun = (input: unknown): boolean =>
  typeof input === 'object' && input !== null && 'dryRun' in input && input.dryRun === true;
