import { randomBytes } from 'node:crypto';
import { IDLE_IN_TRANSACTION } from '../../db/entries.ts';
import { REQUEST_LIMITS } from '../start/store.ts';
import { CommandError } from './commandError.ts';

/** The environment variables of the three logins. A login that is made gets the database's name and this ending. */
const ENDINGS = {
  DATABASE_URL: '_service',
  DATABASE_ACCOUNTS_URL: '_accounts',
  DATABASE_MIGRATION_URL: '_owner',
} as const;
type Variable = keyof typeof ENDINGS;
export type RolesEnvironment = Record<Variable, string>;

/** The roles that the migrations give rights to. Nobody logs in as these roles. */
const ROLES = ['introzy_app', 'introzy_auth', 'introzy_lookup'];
/** The database's address where no variable gives an address. */
const EXAMPLE = 'postgres://127.0.0.1:5432/introzy';
/** The longest time that a transaction of a migration may wait for its next statement. */
const OWNER_IDLE = '15min';
/** Bytes of a name in PostgreSQL, which cuts a longer name off. */
const LONGEST_NAME = 63;

/**
 * Completes the addresses of the three logins: a variable that is set keeps its login, and a password is made for a
 * login without a password. A password is 24 random bytes in base64url. A login is the server's, not the database's, so
 * a name that is made begins with the database's name. Throws `CommandError` for names that PostgreSQL or the service
 * could not tell apart.
 */
export function completeLogins(given: { [name in Variable]?: string | undefined }): RolesEnvironment {
  const known = Object.values(given).find((url) => url !== undefined);
  const complete = (name: Variable) => {
    const url = new URL(given[name] ?? known ?? EXAMPLE);
    if (given[name] === undefined) Object.assign(url, { username: '', password: '' });
    if (url.username === '') url.username = `${url.pathname.slice(1) || 'introzy'}${ENDINGS[name]}`;
    if (url.password === '') url.password = randomBytes(24).toString('base64url');
    return url.href;
  };
  const environment = {
    DATABASE_URL: complete('DATABASE_URL'),
    DATABASE_ACCOUNTS_URL: complete('DATABASE_ACCOUNTS_URL'),
    DATABASE_MIGRATION_URL: complete('DATABASE_MIGRATION_URL'),
  };
  refuseNames(environment);
  return environment;
}

function refuseNames(environment: RolesEnvironment) {
  const variables = new Map<string, string>();
  for (const [variable, url] of Object.entries(environment)) {
    const { text } = readLogin(url);
    const other = variables.get(text);
    if (other !== undefined) {
      throw new CommandError(
        `${other} and ${variable} name the same login, ${text}. Each takes a login of its own. The login that owns the tables belongs into DATABASE_MIGRATION_URL; leave the other variables unset, and logins are made for them.`,
      );
    }
    if (ROLES.includes(text)) throw new CommandError(`${text} in ${variable} is a role of the service, and no login.`);
    if (Buffer.byteLength(text) > LONGEST_NAME) {
      throw new CommandError(
        `The login's name ${text} is longer than ${LONGEST_NAME} bytes. Set ${variable} to an address with a shorter name.`,
      );
    }
    variables.set(text, variable);
  }
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
 * limits anew, and gives back rights that a restore has lost.
 */
export function rolesSql(environment: RolesEnvironment): string {
  const owner = readLogin(environment.DATABASE_MIGRATION_URL);
  const service = readLogin(environment.DATABASE_URL);
  const accounts = readLogin(environment.DATABASE_ACCOUNTS_URL);
  const lines = Object.entries(environment).map(([name, url]) => `--   export ${name}='${url.replaceAll("'", '%27')}'`);
  const serving = ({ name, password }: Login) => [
    makeRole(name),
    `alter role ${name} login nocreaterole inherit password ${password};`,
    `alter role ${name} set statement_timeout = '${REQUEST_LIMITS.statement}ms';`,
    `alter role ${name} set lock_timeout = '${REQUEST_LIMITS.lock}ms';`,
    `alter role ${name} set idle_in_transaction_session_timeout = '${IDLE_IN_TRANSACTION}ms';`,
    `alter role ${name} set search_path = public, pg_temp;`,
    onDatabase('grant connect', `to ${name}`),
  ];
  return `${[
    '-- The logins of Introzy. Run this in its database, as a superuser or as a login that owns the database and may',
    '-- create roles. It contains passwords. Afterwards give the service:',
    ...lines,
    'begin;',
    '',
    '-- Tables that are there already stay with their owner.',
    refuseOtherOwner(owner),
    ...[service, accounts].map(refuseDatabaseOwner),
    '',
    '-- The roles that the migrations give rights to.',
    ...ROLES.map(makeRole),
    refuseOthersRoles,
    '',
    '-- The owner of the tables migrates, and never serves.',
    makeRole(owner.name),
    alterOwner(owner),
    `alter role ${owner.name} set idle_in_transaction_session_timeout = '${OWNER_IDLE}';`,
    `alter role ${owner.name} set search_path = public, pg_temp;`,
    onDatabase('grant connect, create', `to ${owner.name}`),
    grantSchema(owner),
    grantAdmin(owner),
    '',
    '-- Nobody else makes tables, or temporary tables in the name of ours.',
    'revoke create on schema public from public;',
    onDatabase('revoke temporary', 'from public'),
    '',
    '-- The logins of the service own nothing. Their limits are those of a request.',
    ...serving(service),
    ...serving(accounts),
    `grant introzy_app to ${service.name};`,
    `grant introzy_auth to ${accounts.name};`,
    'commit;',
  ].join('\n')}\n`;
}

const identifier = (name: string) => `"${name.replaceAll('"', '""')}"`;
const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;
/** A statement as PostgreSQL's `format` takes the statement, apart from its `%I`. */
const inFormat = (text: string) => text.replaceAll('%', '%%').replaceAll("'", "''");
/** A block of PL/pgSQL. The tag keeps a `$$` in a name or a password from ending the block. */
const block = (body: string) => `do $introzy$ ${body} $introzy$;`;
/** From version 16 on, a login with CREATEROLE gives out the roles alone that the login made, or has the admin option of. */
const HAS_ADMIN_OPTION = "current_setting('server_version_num')::int >= 160000";
const ROLE_ARRAY = `array[${ROLES.map(literal).join(', ')}]`;

const makeRole = (name: string) =>
  block(`begin create role ${name}; exception when duplicate_object or unique_violation then null; end`);

/** Runs `grant … on database` or `revoke … on database` for the database that psql is connected to. */
const onDatabase = (before: string, after: string) =>
  block(`begin execute format('${before} on database %I ${inFormat(after)}', current_database()); end`);

const refuseOtherOwner = ({ text }: Login) =>
  block(`declare v_owner name := (select pg_get_userbyid(relowner) from pg_class where oid = to_regclass('public.api_keys')); begin
  if v_owner <> ${literal(text)} then
    raise exception using message = format('the tables belong to %s, and not to the login in DATABASE_MIGRATION_URL', v_owner),
      hint = format('Set DATABASE_MIGRATION_URL to the address with the login %s, leave DATABASE_URL unset, and print this SQL anew.', v_owner);
  end if;
end`);

const refuseDatabaseOwner = ({ text }: Login) =>
  block(`begin
  if (select pg_get_userbyid(datdba) = ${literal(text)} from pg_database where datname = current_database()) then
    raise exception using message = format('the login %s owns the database, and must not serve', ${literal(text)}),
      hint = 'Move its address to DATABASE_MIGRATION_URL, and print this SQL anew.';
  end if;
end`);

const refuseOthersRoles = block(`declare v_role text; begin
  if ${HAS_ADMIN_OPTION} then
    foreach v_role in array ${ROLE_ARRAY} loop
      if not pg_has_role(v_role, 'member with admin option') then
        raise exception using message = format('%s may not give out the role %s, which another login made', current_user, v_role),
          hint = format('Run this as a superuser, or have a superuser run: grant ${ROLES.join(', ')} to %I with admin option', current_user);
      end if;
    end loop;
  end if;
end`);

/** Where the owner itself runs the SQL, PostgreSQL lets the owner set the owner's password, and no attribute. */
const alterOwner = ({ name, text, password }: Login) =>
  block(`begin
  if current_user = ${literal(text)} then
    alter role ${name} password ${password};
  elsif ${HAS_ADMIN_OPTION} then
    alter role ${name} login inherit password ${password};
  else
    alter role ${name} login inherit createrole password ${password};
  end if;
end`);

/**
 * Migrations give `introzy_lookup` the right to create for a moment, so the owner needs the grant option. The owner of
 * the database has the option already, and PostgreSQL refuses to grant options back to their grantor.
 */
const grantSchema = ({ name, text }: Login) =>
  block(`begin
  if not (has_schema_privilege(${literal(text)}, 'public', 'usage with grant option')
    and has_schema_privilege(${literal(text)}, 'public', 'create with grant option')) then
    grant usage, create on schema public to ${name} with grant option;
  end if;
end`);

/**
 * Migrations make the owner a member of the roles. The policies of `introzy_lookup` show every row, so the owner does
 * not inherit the rights of the roles by the admin option.
 */
const grantAdmin = ({ name, text }: Login) =>
  block(`declare v_role text; begin
  if ${HAS_ADMIN_OPTION} then
    foreach v_role in array ${ROLE_ARRAY} loop
      if not pg_has_role(${literal(text)}, v_role, 'member with admin option') then
        execute format('grant %I to ${inFormat(name)} with admin true, inherit false, set false', v_role);
      end if;
    end loop;
  end if;
end`);
