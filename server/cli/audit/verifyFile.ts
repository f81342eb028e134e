import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { CommandError } from '../commandError.ts';
import { readLine } from './exportLine.ts';
import { createVerifier, type SealMark, type Verification } from './verifyChain.ts';

/** Verifies an export by itself, without a database. Throws a `CommandError` where the file is no whole export. */
export async function verifyFile(path: string, noted: SealMark | undefined): Promise<Verification> {
  const input = path === '-' ? process.stdin : createReadStream(path);
  const verifier = createVerifier(noted);
  let number = 0;
  try {
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      number += 1;
      const item = readLine(text);
      if (!item || (item.type === 'start') !== (number === 1)) {
        throw new CommandError(`Line ${number} of the file is no line of an export of the audit log.`);
      }
      verifier.add(item);
    }
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`The file cannot be read: ${(error as Error).message}`);
  }
  if (number === 0) throw new CommandError('The file is empty: it is no export of the audit log.');
  return verifier.end();
}
