import { expect, test } from 'vitest';
import { ConfigError, readConfig } from '../../server/start/config.ts';

const SECRET = 'password-of-nobody';

/** A wrong value of each variable, but for the texts that may be anything, and INTROZY_KEY_SECRETS. */
const WRONG: Record<string, string> = {
  PORT: SECRET,
  PUBLIC_URL: `ftp://${SECRET}`,
  DATABASE_URL: `mysql://root:${SECRET}@localhost/x`,
  DATABASE_MIGRATION_URL: SECRET,
  DATABASE_ACCOUNTS_URL: `localhost:${SECRET}`,
  DATABASE_PREPARE: SECRET,
  INTROZY_RATE_LIMIT: SECRET,
  INTROZY_ORGANIZATION_RATE_LIMIT: '0',
  REDIS_URL: `http://:${SECRET}@localhost`,
  DELETED_DAYS: '1.5',
  OPEN_SIGNUP: SECRET,
  TRUST_PROXY: 'yes',
  INTROZY_CONNECTIONS_PER_ADDRESS: '-1',
  SMTP_URL: `https://${SECRET}`,
  AUDIT_DAYS: '0',
  LOG_LEVEL: SECRET,
};

test.each(Object.entries(WRONG))('A wrong %s is refused with its form and an example that is right', (name, value) => {
  let message = '';
  try {
    readConfig({ [name]: value });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    ({ message } = error as ConfigError);
  }
  expect(message).toMatch(new RegExp(`^${name} is not valid: it must be `));
  expect(message).not.toContain(SECRET);
  const [, example = ''] = new RegExp(`${name}=("[^"]*"|\\S+)$`).exec(message) ?? [];
  expect(example).not.toBe('');
  // Another setting may be missing: the example itself is taken.
  const taken = () => readConfig({ [name]: example.replaceAll('"', '') });
  if (name.startsWith('DATABASE_') && name !== 'DATABASE_PREPARE') expect(taken).toThrow(/is not set|must be set too/);
  else expect(taken).not.toThrow();
});

test('An origin with a wildcard is refused: no page has such an origin', () => {
  const read = () => readConfig({ INTROZY_ALLOWED_ORIGINS: 'https://app.example.com,https://*.example.com' });
  expect(read).toThrow(/^INTROZY_ALLOWED_ORIGINS is not valid: entry 2 is no origin\. It must be /);
});
