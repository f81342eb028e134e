import { Command } from 'commander';
import { asOperator } from '../../../db/admission.ts';
import type { ImportCounts, ImportProgress } from '../../../shared/csv/importContacts.ts';
import { addAction, ORGANIZATION } from '../command.ts';
import { chooseOrganization } from '../organization.ts';
import { createProgressLine } from '../progress.ts';
import { importFromDisk } from './importFromDisk.ts';

const HELP = `
The first line names the columns. These are known, whatever their case and order:
  LinkedIn's Connections.csv, as it comes
  Google Contacts' export (Google CSV)
  HubSpot's export of contacts
  name (or first name, last name), email, phone, company, title, location (or city, state, country),
  linkedinUrl, notes, tags (separated by commas or semicolons)
Every other column that is not empty is kept in customFields, under its header.

A row whose email or LinkedIn address a contact has already changes that contact: what the row gives is written, tags and
custom fields are added, empty cells change nothing. A row with neither makes a new contact each time.
A contact without a name is called by its company, else by its email or phone.

A row that is refused does not stop the others. FILE.failed.csv, beside the file, has each of these with its line and
the reason (FILE.failed-2.csv, where that is there already); mend the rows there, and import that file. The exit status
is 0 where the whole file was read, also if rows were refused.

The file is comma-, semicolon- or tab-separated; UTF-8, UTF-16 or what --encoding names.
JSON: {"created","updated","unchanged","failed","failuresFile"}, the last one null where nothing failed.`;

/** `introzy contacts import` */
export function importCommand(): Command {
  const command = new Command('import')
    .description('add the contacts of a CSV file, or change those that are there')
    .argument('<file.csv>', 'the file')
    .option(...ORGANIZATION)
    .option(
      '--encoding <name>',
      'how the file is encoded, such as windows-1252 (default: UTF-8, or UTF-16 by its mark)',
    )
    .addHelpText('after', HELP);
  return addAction(command, ({ args: [path = ''], options }) => async ({ store }) => {
    const { id: organizationId } = await chooseOrganization(store, options.organization);
    const progressLine = createProgressLine(process.stderr);
    try {
      const { counts, failuresFile } = await importFromDisk(asOperator(store.db, organizationId), {
        organizationId,
        path,
        encoding: options.encoding?.toString(),
        onProgress: (progress) => progressLine.show(() => describeProgress(progress)),
      });
      return { json: { ...counts, failuresFile }, text: describeCounts(counts, failuresFile) };
    } finally {
      progressLine.clear();
    }
  });
}

const rows = (count: number) => `${count.toLocaleString('en')} ${count === 1 ? 'row' : 'rows'}`;

function describeProgress({ created, updated, unchanged, failed, share }: ImportProgress): string {
  return `${rows(created + updated + unchanged + failed)}, ${Math.floor(share * 100)} % of the file`;
}

function describeCounts({ created, updated, unchanged, failed }: ImportCounts, failuresFile: string | null): string {
  const counts = Object.entries({ Created: created, Updated: updated, Unchanged: unchanged, Failed: failed });
  const lines = counts.map(([label, count]) => `${`${label}:`.padEnd(10)} ${count.toLocaleString('en')}`);
  if (failuresFile !== null) lines.push('', `The rows that failed, each with its line and the reason: ${failuresFile}`);
  return lines.join('\n');
}
