import { Command } from 'commander';
import { readChain } from '../../../db/auditChain.ts';
import { type Database, withLimits } from '../../../db/open.ts';
import { listOrganizations } from '../../../db/organizations.ts';
import type { Organization } from '../../../shared/organizations.ts';
import { COMMAND_LIMITS, STEP_DEADLINE } from '../../start/store.ts';
import { type Answer, addAction } from '../command.ts';
import { CommandError } from '../commandError.ts';
import { chooseOrganization } from '../organization.ts';
import { printable } from '../text.ts';
import { createVerifier, type SealMark, type Verification } from './verifyChain.ts';
import { verifyFile } from './verifyFile.ts';

const HELP = `
Every minute the service seals the new entries of the audit log; each seal's hash covers the hash of the seal before. The
command computes all hashes anew, and names the first entry or seal that was changed, removed or added since. The exit
status is 1 where the log does not hold.

Whoever can change the whole database can also make all seals anew. Note the last seal that is printed at another place,
and give it with --seal later: then the log must still have that seal. Where AUDIT_DAYS has erased the noted seal, the
exit status is 1 too: the seal shows nothing any more.

FILE is what "audit export" has written (- is standard input); it is verified by itself, without a database.
JSON: {"holds","logs":[{"organization","holds","seals","entries","erasedNames","unsealed","noted","last","firstBreak","breaks"}]}`;

/** `introzy audit verify` */
export function verifyCommand(): Command {
  const command = new Command('verify')
    .description('verify by its seals that nobody has changed the audit log')
    .argument('[file]', 'an export to verify in place of the database')
    .option('--organization <id-or-name>', 'the organization, by its id or name (default: all)')
    .option('--seal <number:hash>', 'a seal that was noted earlier, which the log must still have')
    .addHelpText('after', HELP);
  return addAction(command, ({ args: [file], options: { organization, seal } }) => {
    const noted = typeof seal === 'string' ? readMark(seal) : undefined;
    if (file !== undefined) {
      return verifyFile(file, noted).then((found) => answerOf([{ organization: null, found }]));
    }
    return async ({ store }) => {
      const all = organization === undefined ? await listOrganizations(store.db.root) : undefined;
      if (noted && all && all.length > 1)
        throw new CommandError('--seal is of one organization: give --organization too.');
      const db = withLimits(store.db, { ...COMMAND_LIMITS, deadline: STEP_DEADLINE });
      const logs: Log[] = [];
      for (const each of all ?? [await chooseOrganization(store, organization)]) {
        logs.push({ organization: each, found: await verifyOrganization(db, each, noted) });
      }
      return answerOf(logs);
    };
  });
}

async function verifyOrganization(db: Database, { id }: Organization, noted: SealMark | undefined) {
  const verifier = createVerifier(noted);
  await readChain(db, { organizationId: id }, verifier.add);
  return verifier.end();
}

/** Reads `12:` and a hash of 64 hexadecimal digits. */
function readMark(text: string): SealMark {
  const [, number, hash] = /^(\d{1,15}):([\da-f]{64})$/i.exec(text.trim()) ?? [];
  if (number === undefined || hash === undefined) {
    throw new CommandError('--seal must be the number and the hash of a seal, as "audit verify" prints them: 12:3f9a…');
  }
  return { number: Number(number), hash: hash.toLowerCase() };
}

interface Log {
  organization: Organization | null;
  found: Verification;
}

function answerOf(logs: Log[]): Answer {
  const holds = logs.every(({ found }) => found.holds);
  if (!holds || logs.some(({ found }) => found.noted === 'before')) process.exitCode = 1;
  const json = logs.map(({ organization, found }) => ({
    organization: organization && { id: organization.id, name: organization.name },
    ...found,
  }));
  return { json: { holds, logs: json }, text: logs.map(describeLog).join('\n\n') || 'There is no organization yet.' };
}

const count = (number: number, noun: string) => `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;

function describeLog({ organization, found }: Log): string {
  const { holds, seals, entries, erasedNames, unsealed, noted, last, firstBreak, breaks } = found;
  const name = organization ? `${printable(organization.name)} (${organization.id})` : 'The export';
  const lines = [
    `${name}: the audit log ${holds ? 'holds' : 'DOES NOT HOLD'}.`,
    `  Verified: ${count(entries, 'entry').replace('entrys', 'entries')} in ${count(seals, 'seal')}`,
    `  Not sealed yet: ${unsealed.toLocaleString('en')}. Erased names: ${erasedNames.toLocaleString('en')}.`,
  ];
  if (firstBreak) lines.push(`  First break, of ${breaks}: ${printable(firstBreak.message)}`);
  if (noted === 'before') {
    lines.push('  The noted seal comes before the first seal of the log, and shows nothing: note a newer seal.');
  }
  if (last) lines.push(`  Last seal, to be noted: ${last.number}:${last.hash}`);
  return lines.join('\n');
}
