import { randomBytes } from 'node:crypto';
import { IDLE_IN_TRANSACTION } from '../../db/entries.ts';
import { REQUEST_LIMITS } from '../start/store.ts';

/** The environment variables of the three logins, and the names of logins that are made for these variables. */
const LOGINS = {
  DATABASE_URL: 'introzy_service',
  DATABASE_ACCOUNTS_URL: 'introzy_accounts',
  DATABASE_MIGRATION_URL: 'introzy_owner',
} as const;
type Variable = keyof typeof LOGINS;
export type RolesEnvironment = Record<Variable, string>;

/** The database's address where no variable gives an address. */
const EXAMPLE = 'postgres://127.0.0.1:5432/introzy';
/** The longest time that a transaction of a migration may wait for its next statement. */
const OWNER_IDLE = '15min';

/**
 * Completes the addresses of the three logins: a variable that is set keeps its login, and a password is made for a
 * login without a password. A password is 24 random bytes in base64url.
 */
export function completeLogins(given: { [name in Variable]?: string | undefined }): RolesEnvironment {
  const known = Object.values(given).find((url) => url !== undefined);
  const complete = (name: Variable) => {
    const url = new URL(given[name] ?? known ?? EXAMPLE);
    if (given[name] === undefined) Object.assign(url, { username: LOGINS[name], password: '' });
    if (url.username === '') url.username = LOGINS[name];
    if (url.password === '') url.password = randomBytes(24).toString('base64url');
    return url.href;
  };
  return {
    DATABASE_URL: complete('DATABASE_URL'),
    DATABASE_ACCOUNTS_URL: complete('DATABASE_ACCOUNTS_URL'),
    DATABASE_MIGRATION_URL: complete('DATABASE_MIGRATION_URL'),
  };
}

/** A login of an address: its name as text and as SQL, its password as SQL. */
interface Login {
  text: string;
  name: string;
  password: string;
}

function readLogin(url: string): Login {
  const { username, password } = new URL(url);
  const text = decodeURIComponent(username);
  return { text, name: identifier(text), password: literal(decodeURIComponent(password)) };
}

/**
 * The SQL that makes the three logins and their roles, for psql. The SQL can be run again: then it sets passwords and
 * limits anew, and changes nothing else.
 */
export function rolesSql(environment: RolesEnvironment): string {
  const owner = readLogin(environment.DATABASE_MIGRATION_URL);
  const service = readLogin(environment.DATABASE_URL);
  const accounts = readLogin(environment.DATABASE_ACCOUNTS_URL);
  const lines = Object.entries(environment).map(([name, url]) => `--   export ${name}='${url.replaceAll("'", '%27')}'`);
  const serving = ({ name, password }: Login) => [
    makeRole(name),
    `alter role ${name} login nocreaterole nocreatedb inherit password ${password};`,
    `alter role ${name} set statement_timeout = '${REQUEST_LIMITS.statement}ms';`,
    `alter role ${name} set lock_timeout = '${REQUEST_LIMITS.lock}ms';`,
    `alter role ${name} set idle_in_transaction_session_timeout = '${IDLE_IN_TRANSACTION}ms';`,
    `alter role ${name} set search_path = public, pg_temp;`,
  ];
  return `${[
    '-- The logins of Introzy. Run this in its database, as a superuser or as a login that owns the database and may',
    '-- create roles. It contains passwords. Afterwards give the service:',
    ...lines,
    'begin;',
    '',
    '-- The owner of the tables migrates, and never serves.',
    makeRole(owner.name),
    `alter role ${owner.name} login createrole password ${owner.password};`,
    `alter role ${owner.name} set idle_in_transaction_session_timeout = '${OWNER_IDLE}';`,
    `alter role ${owner.name} set search_path = public, pg_temp;`,
    onDatabase('grant connect, create', `to ${owner.name}`),
    `grant usage, create on schema public to ${owner.name} with grant option;`,
    '',
    '-- Nobody else makes tables, or temporary tables in the name of ours.',
    'revoke create on schema public from public;',
    onDatabase('revoke temporary', 'from public'),
    '',
    '-- The logins of the service own nothing. Their limits are those of a request.',
    ...serving(service),
    ...serving(accounts),
    '',
    '-- The owner makes the roles, so that the owner may give the roles out.',
    becomeMember(owner),
    `set local role ${owner.name};`,
    ...['introzy_app', 'introzy_auth', 'introzy_lookup'].map(makeRole),
    'reset role;',
    grantAdmin(owner),
    `set local role ${owner.name};`,
    `grant introzy_app to ${service.name};`,
    `grant introzy_auth to ${accounts.name};`,
    'reset role;',
    'commit;',
  ].join('\n')}\n`;
}

const identifier = (name: string) => `"${name.replaceAll('"', '""')}"`;
const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;
/** A statement as PostgreSQL's `format` takes the statement, apart from its `%I`. */
const inFormat = (text: string) => text.replaceAll('%', '%%').replaceAll("'", "''");
/** A block of PL/pgSQL. The tag keeps a `$$` in a name or a password from ending the block. */
const block = (body: string) => `do $introzy$ ${body} $introzy$;`;

const makeRole = (name: string) =>
  block(`begin create role ${name}; exception when duplicate_object or unique_violation then null; end`);

/** Runs `grant … on database` or `revoke … on database` for the database that psql is connected to. */
const onDatabase = (before: string, after: string) =>
  block(`begin execute format('${before} on database %I ${inFormat(after)}', current_database()); end`);

/** A superuser may take every role. Any other login must be a member of the owner, whose role it made. */
const becomeMember = ({ name, text }: Login) =>
  block(`begin
  if not (select rolsuper from pg_roles where rolname = current_user) and current_user <> ${literal(text)} then
    grant ${name} to current_user;
  end if;
end`);

/**
 * PostgreSQL 15 lets a login with CREATEROLE give out every role. Later versions need the admin option, which the owner
 * has for the roles that the owner made. The policies of `introzy_lookup` show every row, so the owner may give
 * `introzy_lookup` out and does not inherit its rights.
 */
const grantAdmin = ({ name, text }: Login) =>
  block(`declare v_role text; begin
  if current_setting('server_version_num')::int < 160000 then return; end if;
  foreach v_role in array array['introzy_app', 'introzy_auth', 'introzy_lookup'] loop
    if not pg_has_role(${literal(text)}, v_role, 'member with admin option') then
      execute format('grant %I to ${inFormat(name)} with admin true, inherit false, set false', v_role);
    end if;
  end loop;
end`);
