import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { digestsOf, generateKeySecret, parseKeySecrets } from '../../server/auth/keySecret.ts';
import { runAs } from '../helpers/database.ts';
import { startPostgres } from '../helpers/postgres.ts';
import { makeLogins } from './logins.ts';
import { isWanted, type Options } from './options.ts';
import { BASE, type Environment, ROOT, type Served, startPeer, startService } from './processes.ts';
import { seed } from './seed.ts';

const run = promisify(execFile);

/** An organization, and its first key, which has all scopes. */
export interface Tenant {
  organizationId: string;
  key: string;
}

/** The service with one form of logins: a single login, or a login for each purpose. */
interface Instance extends Served {
  form: 'one login' | 'separate logins';
}

/** Without an email, so that any number of contacts can be made of the same request. */
export const NEW_CONTACT = {
  name: 'Ada Lovelace',
  phone: '+44 20 7946 0000',
  company: 'Analytical Engines',
  title: 'Programmer',
  location: 'London',
  linkedinUrl: 'https://www.linkedin.com/in/ada',
  notes: 'Met at the conference',
  tags: ['customer', 'vip'],
  customFields: { tier: 'gold', score: 5 },
};

export type Testbed = Awaited<ReturnType<typeof openTestbed>>;

/** Starts PostgreSQL, fills the database, and starts the bare server and the service in each form of logins. */
export async function openTestbed(stack: AsyncDisposableStack, options: Options) {
  const { contacts, logins, profile } = options;
  const settings = { shared_buffers: '1GB', fsync: 'off', full_page_writes: 'off', max_wal_size: '8GB' };
  // The load ends with a vacuum and a checkpoint. Another vacuum or checkpoint in the middle of a round would be noise.
  const server = await startPostgres({ ...settings, autovacuum: 'off', checkpoint_timeout: '1h' });
  stack.defer(() => server.stop());
  const { adminUrl, ownerUrl } = server;
  await runAs(adminUrl, [
    'grant create on database postgres to introzy_owner',
    'alter schema public owner to introzy_owner',
  ]);
  const secrets = generateKeySecret();
  const own = { DATABASE_URL: ownerUrl, INTROZY_KEY_SECRETS: secrets };
  const large = await setUp('Large', own);
  const deleted = ['deleted', 'sorts'].some((name) => isWanted(name, options))
    ? await setUp('Deleted', own)
    : undefined;
  const noted = isWanted('search', options) ? await setUp('Noted', own) : undefined;
  console.log(`filling PostgreSQL: ${contacts} contacts${deleted ? ', and as many of which 60 % are deleted' : ''}`);
  const seeded = { large: large.organizationId, deleted: deleted?.organizationId, noted: noted?.organizationId };
  await seed(adminUrl, { ...seeded, contacts });

  const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const instances: [Instance, ...Instance[]] = [{ form: 'one login', ...(await startService(stack, own, flags)) }];
  if (logins === 'both') {
    const separate = { ...own, ...(await makeLogins(server)) };
    instances.push({ form: 'separate logins', ...(await startService(stack, separate, flags)) });
  }
  const contactId = await createContact(instances[0].url, large.key);
  const [digest] = digestsOf(large.key, parseKeySecrets(secrets));
  const bareArguments = [adminUrl, large.organizationId, digest?.toString('hex') ?? '', contactId];
  const bare = await startPeer(stack, 'bareServer.ts', bareArguments);
  const [postmaster] = (await readFile(join(server.directory, 'postmaster.pid'), 'utf8')).split('\n');
  return { adminUrl, own, large, deleted, noted, contactId, instances, bare, postmaster: Number(postmaster) };
}

/** Brings the database to the newest schema, and makes an organization, by the command line. */
export async function setUp(organization: string, environment: Environment): Promise<Tenant> {
  const options = ['--organization', organization, '--email', 'owner@example.com', '--json'];
  const env = { ...BASE, ...environment };
  const { stdout } = await run(process.execPath, ['server/cli.ts', 'setup', ...options], { cwd: ROOT, env });
  return JSON.parse(stdout) as Tenant;
}

async function createContact(url: string, key: string): Promise<string> {
  const response = await fetch(`${url}/api/contacts`, {
    method: 'POST',
    headers: { ...authorize(key), 'Content-Type': 'application/json' },
    body: JSON.stringify(NEW_CONTACT),
  });
  const { data } = (await response.json()) as { data: { id: string } };
  return data.id;
}

export const authorize = (key: string) => ({ Authorization: `Bearer ${key}` });
