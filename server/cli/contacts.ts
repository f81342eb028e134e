import { Command } from 'commander';
import { asOperator } from '../../db/admission.ts';
import { type ImportCounts, importContacts } from '../../shared/csv/importRows.ts';
import { addAction, ORGANIZATION } from './command.ts';
import { openCsvFile } from './import/csvFile.ts';
import { createFailuresFile } from './import/failures.ts';
import { chooseOrganization } from './organization.ts';
import { createProgressLine } from './progress.ts';

/** `introzy contacts …` */
export function contactsCommand(): Command {
  return new Command('contacts').description("an organization's contacts").addCommand(importCommand());
}

const HELP = `
The first line names the columns. These are known, whatever their case and order:
  LinkedIn's Connections.csv, as it comes
  Google Contacts' export (Google CSV)
  HubSpot's export of contacts
  name (or first name, last name), email, phone, company, title, location (or city, state, country),
  linkedinUrl, notes, tags (separated by commas or semicolons)
Every other column that is not empty is kept in customFields, under its header.

A row whose email address a contact has already changes that contact: what the row gives is written, tags and custom
fields are added, empty cells change nothing. A row without an email address makes a new contact each time.
A contact without a name is called by its company, else by its email or phone.

A row that is refused does not stop the others. FILE.failed.csv, beside the file, has each of these with its line and
the reason (FILE.failed-2.csv, where that is there already); mend the rows there, and import that file. The exit status
is 0 where the whole file was read, also if rows were refused.

The file is comma-, semicolon- or tab-separated; UTF-8, UTF-16 or what --encoding names.
JSON: {"created","updated","unchanged","failed","failuresFile"}, the last one null where nothing failed.`;

function importCommand() {
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
    const file = await openCsvFile(path, options.encoding?.toString());
    const failures = await createFailuresFile(path, file.columns.headers.slice(file.columns.added));
    const progress = createProgressLine(process.stderr);
    const onProgress = (counts: ImportCounts) => progress.show(() => describeProgress(counts, file.readShare()));
    try {
      const tenant = asOperator(store.db, organizationId);
      const counts = await importContacts(tenant, { organizationId, file, failures, onProgress });
      const failuresFile = counts.failed > 0 ? failures.path : null;
      return { json: { ...counts, failuresFile }, text: describe(counts, failuresFile) };
    } finally {
      progress.clear();
      await failures.close();
    }
  });
}

const rows = (count: number) => `${count.toLocaleString('en')} ${count === 1 ? 'row' : 'rows'}`;

function describeProgress({ created, updated, unchanged, failed }: ImportCounts, share: number): string {
  return `${rows(created + updated + unchanged + failed)}, ${Math.floor(share * 100)} % of the file`;
}

function describe({ created, updated, unchanged, failed }: ImportCounts, failuresFile: string | null): string {
  const counts = Object.entries({ Created: created, Updated: updated, Unchanged: unchanged, Failed: failed });
  const lines = counts.map(([label, count]) => `${`${label}:`.padEnd(10)} ${count.toLocaleString('en')}`);
  if (failuresFile !== null) lines.push('', `The rows that failed, each with its line and the reason: ${failuresFile}`);
  return lines.join('\n');
}
