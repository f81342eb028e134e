/** The command cannot be done. The message gives the reason, and the next step. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** The start of each command, as pasted into a shell. */
export const INTROZY = 'npm run --silent introzy --';
