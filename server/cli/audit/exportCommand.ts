import { once } from 'node:events';
import { open, rm } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { Command } from 'commander';
import { z } from 'zod';
import { readChain } from '../../../db/auditChain.ts';
import { withLimits } from '../../../db/open.ts';
import { instant } from '../../../shared/instant.ts';
import { COMMAND_LIMITS, STEP_DEADLINE } from '../../start/store.ts';
import { addAction, ORGANIZATION } from '../command.ts';
import { CommandError } from '../commandError.ts';
import { parseOptions } from '../input.ts';
import { chooseOrganization } from '../organization.ts';
import { toLine } from './exportLine.ts';

const HELP = `
A line of JSON for each entry and each seal, oldest first: docs/audit-log.md describes the lines, and how others verify the
seals. "audit verify FILE" verifies the file. FILE must not exist yet; - is standard output. With --since the export
begins with the first seal that has an entry of that time or later.
JSON: {"file","organizationId","entries","seals"}; not with -, where standard output has the export`;

const ExportOptions = z.object({
  since: z.union([z.iso.date().transform((day) => new Date(day)), instant]).optional(),
});

/** `introzy audit export` */
export function exportCommand(): Command {
  const command = new Command('export')
    .description('write the audit log with its seals, as NDJSON')
    .argument('<file>', 'the file to write, or - for standard output')
    .option(...ORGANIZATION)
    .option('--since <time>', 'leave out what is older, such as 2026-11-01 or 2026-11-01T09:30:00Z')
    .addHelpText('after', HELP);
  return addAction(command, ({ args: [file = '-'], options }) => {
    const { since } = parseOptions(ExportOptions, { since: options.since });
    return async ({ store }) => {
      const { id: organizationId } = await chooseOrganization(store, options.organization);
      const db = withLimits(store.db, { ...COMMAND_LIMITS, deadline: STEP_DEADLINE });
      const counts = { entries: 0, seals: 0 };
      await writeLines(file, (write) =>
        readChain(db, { organizationId, since }, (item) => {
          if (item.type === 'entry') counts.entries += 1;
          if (item.type === 'seal') counts.seals += 1;
          return write(toLine(item));
        }),
      );
      if (file === '-') return undefined;
      const text = `Written to ${file}: entries ${counts.entries.toLocaleString('en')}, seals ${counts.seals.toLocaleString('en')}`;
      return { json: { file, organizationId, ...counts }, text };
    };
  });
}

/** Writes lines to a new file, or to standard output, no faster than they are taken. A file that fails is removed. */
async function writeLines(file: string, produce: (write: (line: string) => Promise<void> | void) => Promise<void>) {
  if (file === '-') return await writeTo(process.stdout, produce);
  const handle = await open(file, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'EEXIST' ? 'it exists already. Name a new file' : error.message;
    throw new CommandError(`${file} cannot be written: ${reason}.`);
  });
  try {
    const stream = handle.createWriteStream();
    await writeTo(stream, produce);
    stream.end();
    await once(stream, 'close');
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
}

async function writeTo(stream: Writable, produce: (write: (line: string) => Promise<void> | void) => Promise<void>) {
  let failure: Error | undefined;
  const note = (error: Error) => {
    failure ??= new CommandError(`The export ends before its end: ${error.message}`);
  };
  stream.on('error', note);
  await produce((line) => {
    if (failure) throw failure;
    if (!stream.write(line)) return once(stream, 'drain').then(() => {}, note);
  });
  if (failure) throw failure;
}
