import { createProgram, printedError } from './cli/program.ts';

// Files of a command are for its user alone.
process.umask(0o077);

try {
  await createProgram().parseAsync();
} catch (error) {
  process.stderr.write(`${printedError(error)}\n`);
  process.exitCode = 1;
}
