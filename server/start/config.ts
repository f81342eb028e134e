import { z } from 'zod';
import { isKey } from '../../shared/keyFormat.ts';
import { type KeySecrets, parseKeySecrets } from '../auth/keySecret.ts';

/** The process cannot start. The message gives the reason, and the next step. */
export class ConfigError extends Error {
  override readonly name: string = 'ConfigError';
}

export interface Config {
  port: number;
  host: string;
  /** The address under which others reach the service, without a slash at its end. */
  publicUrl: string;
  /** PostgreSQL's address. `undefined`: the embedded database, in `dataDirectory`. */
  databaseUrl: string | undefined;
  /** Logins of their own. `undefined`: the login in `databaseUrl` owns the tables and serves. */
  separateLogins: SeparateLogins | undefined;
  dataDirectory: string;
  /** Each connection prepares a statement once. Off behind a transaction pooler without prepared statements. */
  prepareStatements: boolean;
  /** `undefined` with an embedded database alone, whose directory keeps secrets of its own. */
  keySecrets: KeySecrets | undefined;
  /** Calls per minute of a key or a person. */
  rateLimit: number;
  /** Calls per minute of all keys of an organization. `undefined`: 3,000, or `rateLimit` where that is higher. */
  organizationRateLimit: number | undefined;
  /** `redis://` or `rediss://`: the instances count calls together there. `undefined`: each instance counts alone. */
  redisUrl: string | undefined;
  /** Anybody may make an account and an organization. Otherwise an account takes an invitation. */
  openSignUp: boolean;
  /** The last address in `X-Forwarded-For` is the caller's: a proxy of ours put that address there. */
  trustProxy: boolean;
  /** Other origins whose pages may call the service, with a key. */
  allowedOrigins: ReadonlySet<string>;
  /** Days after which deleted contacts are erased. `undefined`: never. */
  deletedDays: number | undefined;
  /** The most open connections of an address. `undefined` with `trustProxy`: every connection is the proxy's. */
  connectionsPerAddress: number | undefined;
  /** `smtp://` or `smtps://`. `undefined`: the log gets the links of the mails. */
  smtpUrl: string | undefined;
  mailFrom: string;
  /** Days that the audit log keeps an entry. `undefined`: for ever. */
  auditDays: number | undefined;
  logLevel: string;
}

/** Addresses of the same database, with logins beside that of `DATABASE_URL`. */
interface SeparateLogins {
  /** The owner of the tables, which migrates and never serves. */
  migrationUrl: string;
  /** better-auth's login. */
  accountsUrl: string;
}

const UNDECODABLE = 'a % in it begins no character. Write the % of a name or a password as %25';

/**
 * PostgreSQL's address. The driver takes a `%` without two hexadecimal digits literally, as in the password `50%!`. Here
 * such a `%` becomes `%25`, so that the driver and the service read the same password. Bytes that are no text, as `%ff`,
 * are refused: the driver's error would show the address with the password.
 */
const PostgresUrl = z
  .url({ protocol: /^postgres(ql)?$/, abort: true })
  .transform(escapePercents)
  .refine(isDecodable, { error: UNDECODABLE });

/**
 * Redis's address, with a number of a database as its path, if any. Parameters are refused: the client would take them
 * for options, and leave the options out that it does not know.
 */
const RedisUrl = z
  .url({ protocol: /^rediss?$/, hostname: /./, abort: true })
  .transform(escapePercents)
  .refine(isDecodable, { error: UNDECODABLE, abort: true })
  .refine((url) => /^[^?#]*$/.test(url) && /^(\/\d{0,5})?$/.test(new URL(url).pathname), {
    error: 'its path may be the number of a database alone, without parameters',
  });

function escapePercents(url: string): string {
  return url.replace(/%(?![\da-f]{2})/gi, '%25');
}

function isDecodable(url: string): boolean {
  try {
    decodeURIComponent(url);
    return true;
  } catch {
    return false;
  }
}

const POSTGRES_FORM = 'PostgreSQL’s address';

/** Origins as browsers write them (`Origin`): a scheme, a host in lower case, and a port where it is not the scheme's own. */
const Origins = z
  .string()
  .default('')
  .transform((text, context) => {
    const origins = text.split(',').flatMap((entry) => entry.trim() || []);
    const wrong = origins.findIndex((entry) => originOf(entry) !== entry);
    if (wrong === -1) return new Set(origins);
    // The entry itself is not shown: it may hold a password.
    const origin = originOf(origins[wrong] ?? '');
    const write = origin === undefined ? '' : `. Write ${origin}`;
    context.addIssue({ code: 'custom', message: `entry ${wrong + 1} is no origin${write}` });
    return z.NEVER;
  });

/**
 * The origin of a web address: `https://App.example.com/page` → `https://app.example.com`. `https://*.example.com` is an
 * address by the URL standard, and no page has such an origin.
 */
function originOf(address: string): string | undefined {
  const url = URL.parse(address);
  return url !== null && /^https?:$/.test(url.protocol) && !url.host.includes('*') ? url.origin : undefined;
}

const Environment = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  HOST: z.string().min(1).default('127.0.0.1'),
  PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
  DATABASE_URL: PostgresUrl.optional(),
  DATABASE_MIGRATION_URL: PostgresUrl.optional(),
  DATABASE_ACCOUNTS_URL: PostgresUrl.optional(),
  DATABASE_PREPARE: z.enum(['true', 'false']).default('true'),
  DATA_DIR: z.string().min(1).default('.data'),
  INTROZY_KEY_SECRETS: z.string().min(1).optional(),
  INTROZY_RATE_LIMIT: z.coerce.number().int().min(1).default(300),
  INTROZY_ORGANIZATION_RATE_LIMIT: z.coerce.number().int().min(1).optional(),
  REDIS_URL: RedisUrl.optional(),
  DELETED_DAYS: z.coerce.number().int().min(1).max(36_500).optional(),
  OPEN_SIGNUP: z.enum(['true', 'false']).default('false'),
  INTROZY_ALLOWED_ORIGINS: Origins,
  TRUST_PROXY: z.enum(['true', 'false']).default('false'),
  INTROZY_CONNECTIONS_PER_ADDRESS: z.coerce.number().int().min(1).default(5000),
  SMTP_URL: z.url({ protocol: /^smtps?$/ }).optional(),
  MAIL_FROM: z.string().min(1).optional(),
  AUDIT_DAYS: z.coerce.number().int().min(1).max(36_500).optional(),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});

/** The form of each variable, with an example. No refusal repeats what was set: a password may be there. */
const FORMS: Record<keyof typeof Environment.shape, string> = {
  PORT: 'a port from 0 to 65535, as in PORT=3000',
  HOST: 'an address of this machine: HOST=127.0.0.1, or HOST=0.0.0.0 for all of them, as in a container',
  PUBLIC_URL: 'the http or https address that others use, as in PUBLIC_URL=https://introzy.example',
  DATABASE_URL: `${POSTGRES_FORM}, as in DATABASE_URL=postgres://introzy:password@db.example.com:5432/introzy`,
  DATABASE_MIGRATION_URL: `${POSTGRES_FORM}, as in DATABASE_MIGRATION_URL=postgres://introzy_owner:password@db.example.com/introzy`,
  DATABASE_ACCOUNTS_URL: `${POSTGRES_FORM}, as in DATABASE_ACCOUNTS_URL=postgres://introzy_accounts:password@db.example.com/introzy`,
  DATABASE_PREPARE: 'true or false, as in DATABASE_PREPARE=false',
  DATA_DIR: 'a folder, as in DATA_DIR=.data',
  INTROZY_KEY_SECRETS: 'id:secret, the secret 32 bytes or more in base64url',
  INTROZY_RATE_LIMIT: 'a whole number of calls a minute, 1 or more, as in INTROZY_RATE_LIMIT=300',
  INTROZY_ORGANIZATION_RATE_LIMIT:
    'a whole number of calls a minute, 1 or more, as in INTROZY_ORGANIZATION_RATE_LIMIT=3000',
  INTROZY_ALLOWED_ORIGINS:
    'origins with commas between them, as in INTROZY_ALLOWED_ORIGINS=https://app.example.com,http://localhost:5173',
  REDIS_URL:
    'of the form redis://user:password@host:6379/0, or rediss:// for TLS, as in REDIS_URL=redis://localhost:6379',
  DELETED_DAYS: 'a whole number of days from 1 to 36500, as in DELETED_DAYS=90',
  OPEN_SIGNUP: 'true or false, as in OPEN_SIGNUP=true',
  TRUST_PROXY: 'true or false, as in TRUST_PROXY=true',
  INTROZY_CONNECTIONS_PER_ADDRESS: 'a whole number, 1 or more, as in INTROZY_CONNECTIONS_PER_ADDRESS=5000',
  SMTP_URL: 'an smtp or smtps address, as in SMTP_URL=smtp://user:password@mail.example.com:587',
  MAIL_FROM: 'a sender, as in MAIL_FROM="Introzy <introzy@example.com>"',
  AUDIT_DAYS: 'a whole number of days from 1 to 36500, as in AUDIT_DAYS=400',
  LOG_LEVEL: 'fatal, error, warn, info, debug, trace or silent, as in LOG_LEVEL=info',
};

/** The variables of the logins. */
const Logins = Environment.pick({ DATABASE_URL: true, DATABASE_ACCOUNTS_URL: true, DATABASE_MIGRATION_URL: true });

const GENERATE = `node -p "'k1:'+require('crypto').randomBytes(32).toString('base64url')"`;

/** Reads variables; an empty variable counts as unset. Throws a `ConfigError` for the first wrong variable. */
function readVariables<T extends z.ZodType>(schema: T, environment: NodeJS.ProcessEnv): z.output<T> {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const { success, data, error } = schema.safeParse(given);
  if (success) return data;
  const [issue] = error.issues;
  const name = issue?.path[0] as keyof typeof FORMS;
  // A check of ours says more than the form.
  const what = issue?.code === 'custom' ? `${issue.message}. It` : 'it';
  throw new ConfigError(`${name} is not valid: ${what} must be ${FORMS[name]}`);
}

/** Reads the settings. Throws a `ConfigError` for the first wrong setting. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const data = readVariables(Environment, environment);
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
    separateLogins: readSeparateLogins(data),
    dataDirectory: data.DATA_DIR,
    prepareStatements: data.DATABASE_PREPARE === 'true',
    keySecrets: data.INTROZY_KEY_SECRETS === undefined ? undefined : readKeySecrets(data.INTROZY_KEY_SECRETS),
    rateLimit: data.INTROZY_RATE_LIMIT,
    organizationRateLimit: data.INTROZY_ORGANIZATION_RATE_LIMIT,
    redisUrl: data.REDIS_URL,
    deletedDays: data.DELETED_DAYS,
    openSignUp: data.OPEN_SIGNUP === 'true',
    allowedOrigins: data.INTROZY_ALLOWED_ORIGINS,
    trustProxy: data.TRUST_PROXY === 'true',
    connectionsPerAddress: data.TRUST_PROXY === 'true' ? undefined : data.INTROZY_CONNECTIONS_PER_ADDRESS,
    smtpUrl: data.SMTP_URL,
    mailFrom: data.MAIL_FROM ?? `Introzy <introzy@${new URL(publicUrl).hostname}>`,
    auditDays: data.AUDIT_DAYS,
    logLevel: data.LOG_LEVEL,
  };
}

/** Reads the logins beside that of `DATABASE_URL`. Throws a `ConfigError` where only a part of the logins is given. */
function readSeparateLogins(data: z.infer<typeof Logins>): SeparateLogins | undefined {
  const { DATABASE_URL, DATABASE_MIGRATION_URL: migrationUrl, DATABASE_ACCOUNTS_URL: accountsUrl } = data;
  if (migrationUrl === undefined && accountsUrl === undefined) return undefined;
  if (DATABASE_URL === undefined || migrationUrl === undefined || accountsUrl === undefined) {
    const missing = Logins.keyof()
      .options.filter((name) => data[name] === undefined)
      .join(' and ');
    throw new ConfigError(
      `${missing} must be set too. Separate logins take all of DATABASE_URL, DATABASE_MIGRATION_URL and DATABASE_ACCOUNTS_URL; a single login takes DATABASE_URL alone.`,
    );
  }
  const logins = [DATABASE_URL, migrationUrl, accountsUrl].map((url) => decodeURIComponent(new URL(url).username));
  if (new Set(logins).size === logins.length) return { migrationUrl, accountsUrl };
  throw new ConfigError(
    `DATABASE_URL, DATABASE_MIGRATION_URL and DATABASE_ACCOUNTS_URL must have a login each. ${PRINT_ROLES}`,
  );
}

/** The next step where the logins are not as they must be. */
export const PRINT_ROLES = 'See the SQL that makes the logins: npm run --silent introzy -- setup --roles';

/**
 * Reads the addresses that are set, for the SQL that makes the logins: the logins need not exist, and a part of the
 * addresses may be missing. Throws a `ConfigError` for an address that is not PostgreSQL's.
 */
export const readLogins = (environment: NodeJS.ProcessEnv = process.env) => readVariables(Logins, environment);

/** Reads the settings of `introzy mcp`: the key, and the service's address, if set. Throws a `ConfigError`. */
export function readAgentConfig(environment: NodeJS.ProcessEnv = process.env): {
  key: string;
  url: string | undefined;
} {
  const { INTROZY_API_KEY = '', INTROZY_URL: url } = environment;
  // Files and shells leave line ends and blanks around a key.
  const key = INTROZY_API_KEY.trim();
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
