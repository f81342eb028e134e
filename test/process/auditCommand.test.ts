import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { canonicalJson } from '../../db/auditHash.ts';
import { commandLine } from '../helpers/commandLine.ts';
import { runAs } from '../helpers/database.ts';
import { until } from '../helpers/instance.ts';
import { startService } from '../helpers/service.ts';

const PATIENCE = { timeout: 240_000 };
const ASIDE = 'set session_replication_role = replica';

type CommandLine = Awaited<ReturnType<typeof commandLine>>;
const verify = async (cli: CommandLine, ...args: string[]) => {
  const { status, stdout, stderr } = await cli.run(['audit', 'verify', ...args, '--json']);
  expect(stderr).toBe('');
  const answer = JSON.parse(stdout);
  expect(status).toBe(answer.holds ? 0 : 1);
  return answer;
};

/** A service on PostgreSQL, with two organizations whose logs the service has sealed. */
async function sealedPlace() {
  const cli = await commandLine();
  for (const name of ['Acme', 'Other']) {
    await cli.json('setup', '--organization', name, '--email', `${name.toLowerCase()}@example.com`);
  }
  const serve = (environment: Record<string, string> = {}) =>
    startService({ ...(cli.environment as Record<string, string>), ...environment });
  await using service = await serve();
  await until(async () => (await verify(cli)).logs.every(({ seals }: { seals: number }) => seals > 0), 'the seals', 60);
  service.child.kill('SIGTERM');
  await service.exit;
  return { cli, serve, adminUrl: cli.adminUrl as string };
}

test(
  'The service seals the log, and the command verifies the log and exports it for others to verify',
  PATIENCE,
  async () => {
    const { cli, serve, adminUrl } = await sealedPlace();
    await using _ = cli;
    const before = await verify(cli);
    expect(before.logs.map(({ organization }: { organization: { name: string } }) => organization.name)).toEqual([
      'Acme',
      'Other',
    ]);
    expect(before.logs[0]).toMatchObject({ holds: true, seals: 1, unsealed: 0, firstBreak: null, breaks: 0 });

    const file = join(cli.directory, 'audit.ndjson');
    const counts = await cli.json('audit', 'export', file, '--organization', 'Acme');
    expect(counts).toMatchObject({ file, seals: 1, entries: before.logs[0].entries });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const { logs } = await verify(cli, file);
    expect(logs).toEqual([{ ...before.logs[0], organization: null }]);
    const refused = await cli.run(['audit', 'export', file, '--organization', 'Acme']);
    expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining('exists already')]);

    const piped = await cli.run(['audit', 'export', '-', '--organization', 'Acme']);
    expect(piped).toEqual({ status: 0, stdout: await readFile(file, 'utf8'), stderr: '' });
    const lines = piped.stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).type)).toEqual(['start', ...lines.slice(2).map(() => 'entry'), 'seal']);
    const none = await cli.run(['audit', 'export', '-', '--organization', 'Acme', '--since', '2999-01-01']);
    expect(
      none.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([{ type: 'start', number: 1, hash: before.logs[0].last.hash }]);
    expect((await cli.run(['audit', 'verify', '-'], { input: none.stdout })).status).toBe(0);

    // A changed line of an export, and a text that is no export.
    const changed = join(cli.directory, 'changed.ndjson');
    await writeFile(changed, piped.stdout.replace('apiKey.issued', 'apiKey.renamed'));
    expect(await verify(cli, changed)).toMatchObject({
      holds: false,
      logs: [{ firstBreak: { kind: 'changed entry' } }],
    });
    await writeFile(changed, '{"type":"start"}\n');
    expect((await cli.run(['audit', 'verify', changed])).stderr).toMatch(/^error: Line 1 of the file is no line/);

    const { number, hash } = before.logs[0].last;
    const noted = ['--organization', 'Acme', '--seal', `${number}:${hash}`];
    expect((await verify(cli, ...noted)).holds).toBe(true);
    const another = await cli.run(['audit', 'verify', '--organization', 'Acme', '--seal', `1:${'0'.repeat(64)}`]);
    expect([another.status, another.stdout]).toEqual([1, expect.stringContaining('is not the seal that was noted')]);
    for (const seal of ['1', `x:${hash}`, `1:${hash}0`]) {
      expect((await cli.run(['audit', 'verify', '--seal', seal])).stderr).toMatch(/^error: --seal must be/);
    }

    await runAs(adminUrl, [
      ASIDE,
      `update audit_log set subject = '{"type": "apiKey", "id": null, "name": "Eve"}' where action = 'apiKey.issued'`,
    ]);
    const { status, stdout } = await cli.run(['audit', 'verify', '--organization', 'Acme']);
    expect(status).toBe(1);
    expect(stdout).toMatch(
      /the audit log DOES NOT HOLD\.\n(?:.*\n)*? *First break, of 1: Entry [\da-f-]{36} was changed after seal 1 was made\.\n/,
    );

    // AUDIT_DAYS takes the seals away once their entries are old, in the hourly work of a start.
    await runAs(adminUrl, [ASIDE, `update audit_seals set last_at = now() - interval '31 days'`]);
    await using _service = await serve({ AUDIT_DAYS: '30' });
    await until(
      async () => (await verify(cli)).logs.every(({ seals }: { seals: number }) => seals === 0),
      'the erasure',
      60,
    );
    expect((await verify(cli)).holds).toBe(true);
  },
);

test('The embedded service seals too, and its log is verified once the service has stopped', PATIENCE, async () => {
  await using cli = await commandLine('embedded');
  const { organizationId } = await cli.json('setup', '--organization', 'Acme', '--email', 'ada@example.com');
  {
    await using service = await startService(cli.environment as Record<string, string>);
    await new Promise((wait) => setTimeout(wait, 3_000));
    service.child.kill('SIGTERM');
    await service.exit;
  }
  const { stdout, status } = await cli.run(['audit', 'verify']);
  expect([status, stdout]).toEqual([
    0,
    expect.stringMatching(/^Acme \([\da-f-]{36}\): the audit log holds\.\n {2}Verified: \d entries in 1 seal\n/),
  ]);
  expect(stdout).toMatch(/Last seal, to be noted: 1:[\da-f]{64}\n$/);
  expect((await cli.run(['audit', 'export', '-'])).stdout).toContain(organizationId);
});

test('Canonical JSON is that of RFC 8785', () => {
  const value = {
    peach: 'x',
    péché: 'x',
    pêche: 'x',
    sin: 'x',
    '10': 1,
    '1': [56, { d: true, '': null }],
    '\r': '\u20ac$\n"\\',
  };
  expect(canonicalJson(value)).toBe(
    '{"\\r":"€$\\n\\"\\\\","1":[56,{"":null,"d":true}],"10":1,"peach":"x","péché":"x","pêche":"x","sin":"x"}',
  );
});
