import { expect, test } from 'vitest';
import { commandLine } from '../helpers/commandLine.ts';

test('people reset-factor ends the sessions of an account, and refuses an address without an account', async () => {
  await using cli = await commandLine();
  const made = await cli.json('setup', '--organization', 'Acme', '--email', 'ada@example.com');
  expect(await cli.signIn('ada@example.com', made.password)).toBe(200);
  const reset = ['people', 'reset-factor', '--email'];
  expect(await cli.json(...reset, ' Ada@Example.com ')).toEqual({ hadFactor: false, sessions: 1 });
  expect((await cli.run([...reset, 'ada@example.com'])).stdout).toBe('There was no second factor. Sessions ended: 0\n');
  const { status, stderr } = await cli.run([...reset, 'bob@example.com']);
  expect([status, stderr]).toEqual([1, 'error: No account has this address.\n']);
});
