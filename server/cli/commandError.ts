/** The command cannot be done; the message says why, and what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** How the command line is called, as pasted into a shell. */
export const INTROZY = 'npm run --silent introzy --';
