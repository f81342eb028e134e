import { createProgram, sentenceOf } from './cli/program.ts';

try {
  await createProgram().parseAsync();
} catch (error) {
  process.stderr.write(`${sentenceOf(error)}\n`);
  process.exitCode = 1;
}
