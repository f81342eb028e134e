import { z } from 'zod';
import { isKey } from '../../shared/keyFormat.ts';
import { type KeySecrets, parseKeySecrets } from '../auth/keySecret.ts';

/** The start cannot go on; the message says what to do about it. */
export class ConfigError extends Error {
  override readonly name: string = 'ConfigError';
}

export interface Config {
  port: number;
  host: string;
  /** What others call the service. */
  publicUrl: string;
  /** `undefined`: the embedded database, in `dataDirectory`. */
  databaseUrl: string | undefined;
  dataDirectory: string;
  /** Prepare statements once a connection; off behind a transaction pooler that cannot. */
  prepareStatements: boolean;
  /** `undefined` with an embedded database alone, which keeps its own. */
  keySecrets: KeySecrets | undefined;
  /** Calls a minute a key. */
  rateLimit: number;
  /** Anybody may make an account, and an organization. */
  openSignUp: boolean;
  /** The last address in X-Forwarded-For is the caller's: a proxy of ours put it there. */
  trustProxy: boolean;
  /** `undefined`: mail goes to the log, as links. */
  smtpUrl: string | undefined;
  mailFrom: string;
  logLevel: string;
}

const Environment = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  HOST: z.string().min(1).default('127.0.0.1'),
  PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  DATABASE_PREPARE: z.enum(['true', 'false']).default('true'),
  DATA_DIR: z.string().min(1).default('.data'),
  INTROZY_KEY_SECRETS: z.string().min(1).optional(),
  INTROZY_RATE_LIMIT: z.coerce.number().int().min(1).default(300),
  OPEN_SIGNUP: z.enum(['true', 'false']).default('false'),
  TRUST_PROXY: z.enum(['true', 'false']).default('false'),
  SMTP_URL: z.url({ protocol: /^smtps?$/ }).optional(),
  MAIL_FROM: z.string().min(1).optional(),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});

const GENERATE = `node -p "'k1:'+require('crypto').randomBytes(32).toString('base64url')"`;

/** The service's settings, from the environment. Throws a `ConfigError` for the first one that is wrong. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const { success, data, error } = Environment.safeParse(given);
  if (!success) {
    const [issue] = error.issues;
    throw new ConfigError(`${issue?.path.join('.')} is not valid: ${issue?.message}`);
  }
  if (data.DATABASE_URL !== undefined && data.INTROZY_KEY_SECRETS === undefined) {
    throw new ConfigError(
      `INTROZY_KEY_SECRETS is not set. With DATABASE_URL it is required: id:secret, the secret 32 bytes or more in base64url. Make one with:\n  ${GENERATE}\nand keep it: without it no key that was issued under it verifies.`,
    );
  }
  const address = `http://${data.HOST.includes(':') ? `[${data.HOST}]` : data.HOST}:${data.PORT}`;
  const publicUrl = (data.PUBLIC_URL ?? address).replace(/\/$/, '');
  return {
    port: data.PORT,
    host: data.HOST,
    publicUrl,
    databaseUrl: data.DATABASE_URL,
    dataDirectory: data.DATA_DIR,
    prepareStatements: data.DATABASE_PREPARE === 'true',
    keySecrets: data.INTROZY_KEY_SECRETS === undefined ? undefined : readKeySecrets(data.INTROZY_KEY_SECRETS),
    rateLimit: data.INTROZY_RATE_LIMIT,
    openSignUp: data.OPEN_SIGNUP === 'true',
    trustProxy: data.TRUST_PROXY === 'true',
    smtpUrl: data.SMTP_URL,
    mailFrom: data.MAIL_FROM ?? `Introzy <introzy@${new URL(publicUrl).hostname}>`,
    logLevel: data.LOG_LEVEL,
  };
}

/** What an agent's door has from its environment: a key, and, if it is told, where the service is. */
export function readAgentConfig(environment: NodeJS.ProcessEnv = process.env): {
  key: string;
  url: string | undefined;
} {
  const { INTROZY_API_KEY: key = '', INTROZY_URL: url } = environment;
  if (!isKey(key)) {
    const what = key === '' ? 'is not set' : 'is not an API key';
    throw new ConfigError(`INTROZY_API_KEY ${what}: give it a key of the organization, from Settings → API Keys.`);
  }
  if (!url) return { key, url: undefined };
  const address = URL.parse(url);
  if (!address || !/^https?:$/.test(address.protocol)) {
    throw new ConfigError('INTROZY_URL must be the address of a service, such as http://127.0.0.1:3000.');
  }
  return { key, url: address.href.replace(/\/*$/, '') };
}

function readKeySecrets(text: string): KeySecrets {
  try {
    return parseKeySecrets(text);
  } catch (error) {
    throw new ConfigError(
      `INTROZY_KEY_SECRETS is not valid: ${(error as Error).message}. Make a secret with:\n  ${GENERATE}`,
    );
  }
}
