import { expect, test } from 'vitest';
import { generateKeySecret } from '../../server/auth/keySecret.ts';
import { commandLine } from '../helpers/commandLine.ts';

test('secrets status says what hangs on each server secret, and what to do; reencrypt says what it moved', async () => {
  await using cli = await commandLine();
  const old = cli.environment.INTROZY_KEY_SECRETS as string;
  const made = await cli.json('setup', '--organization', 'Acme', '--email', 'ada@example.com');
  expect(await cli.signIn('ada@example.com', made.password)).toBe(200);
  const idOf = (secret: string) => secret.split(':')[0] as string;
  const none = { count: 0, lastExpiresAt: null };
  const one = { count: 1, lastExpiresAt: expect.stringMatching(/^\d{4}-.*Z$/) };
  const nothing = { apiKeys: none, tokens: none, sessions: none, verifications: none, sealedTexts: 0 };
  const hanging = { ...nothing, apiKeys: one, sessions: one };
  expect(await cli.json('secrets', 'status')).toEqual({
    secrets: [{ id: idOf(old), state: 'first', ...hanging }],
    inClear: 0,
  });

  const added = generateKeySecret();
  cli.environment.INTROZY_KEY_SECRETS = `${added},${old}`;
  expect(await cli.json('secrets', 'status')).toEqual({
    secrets: [
      { id: idOf(added), state: 'first', ...nothing },
      { id: idOf(old), state: 'older', ...hanging },
    ],
    inClear: 0,
  });
  const { stdout } = await cli.run(['secrets', 'status']);
  expect(stdout).toMatch(
    /^ID +STATE +API KEYS +TOKENS +SESSIONS +VERIFICATIONS +SEALED TEXTS +LAST DIGEST ENDS \(UTC\)\n/,
  );
  expect(stdout).toContain(`Keys and sessions leave ${idOf(old)} as they are used, or end.`);
  expect(await cli.json('secrets', 'reencrypt')).toEqual({
    ...{ first: idOf(added), sealedTexts: 0, inClear: 0, unreadable: { count: 0, reasons: [] } },
  });

  // The key moves as it is used; the session hangs on a secret that is gone.
  const moveKey = async () => {
    expect((await cli.call(made.key, '/api/keys/current')).status).toBe(200);
    return (await cli.json('secrets', 'status')).secrets[1].apiKeys.count;
  };
  await expect.poll(moveKey, { timeout: 45_000 }).toBe(0);
  cli.environment.INTROZY_KEY_SECRETS = added;
  const { secrets } = await cli.json('secrets', 'status');
  expect(secrets).toMatchObject([
    { id: idOf(added), state: 'first', apiKeys: one, sessions: none },
    { id: idOf(old), state: 'missing', apiKeys: none, sessions: one },
  ]);
  expect((await cli.run(['secrets', 'status'])).stdout).toContain(`${idOf(old)} is missing in INTROZY_KEY_SECRETS`);
  expect(await cli.signIn('ada@example.com', made.password)).toBe(200);
});
