import { createProgram, printedError } from './cli/program.ts';

try {
  await createProgram().parseAsync();
} catch (error) {
  process.stderr.write(`${printedError(error)}\n`);
  process.exitCode = 1;
}
