import type { Command } from 'commander';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createProgram } from '../../server/cli/program.ts';
import { type CommandLine, commandLine } from '../helpers/commandLine.ts';

let cli: CommandLine;
beforeAll(async () => {
  cli = await commandLine();
});
afterAll(() => cli[Symbol.asyncDispose]());

test('--help says of each command what it is and what it takes, and all that end by themselves have --json', async () => {
  const { status, stdout, stderr } = await cli.run(['contacts', 'import', '--help']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^Usage: introzy contacts import \[options\] <file\.csv>\n/);
  expect(stdout).toContain('FILE.failed.csv');
  const described: string[] = [];
  const describe = (command: Command) => {
    expect(command.description(), command.name()).not.toBe('');
    for (const child of command.commands) describe(child);
    if (command.commands.length > 0) return;
    described.push(command.name());
    // The command `mcp` speaks JSON over stdio in any case, and has no option `--json`.
    if (command.name() === 'mcp') return;
    expect(command.helpInformation()).toMatch(/--json +print JSON\n/);
  };
  describe(createProgram());
  const ofKeys = ['issue', 'list', 'update', 'usage', 'rotate', 'end-grace', 'revoke'];
  const ofOrganizations = ['list', 'rename', 'delete', 'restore'];
  const ofPeople = ['reset-password', 'reset-factor', 'export', 'erase'];
  const ofSecrets = ['status', 'reencrypt'];
  const rest = ['verify', 'export', 'migrate', 'scan', 'mcp'];
  expect(described).toEqual([
    'setup',
    ...ofOrganizations,
    ...ofPeople,
    ...ofKeys,
    'import',
    'erase',
    ...ofSecrets,
    ...rest,
  ]);
});
