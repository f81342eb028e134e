import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Kysely, sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migrate } from '../../db/migrate.ts';
import { type Accepted, type Expand, type Migrations, migrations } from '../../db/migrationList.ts';
import { type Database, openDatabase } from '../../db/open.ts';
import { lintMigration } from '../helpers/migrationLint.ts';
import { unpackPrevious } from '../helpers/previous.ts';

let db: Database;
beforeAll(async () => {
  const timeouts = { statement: 60_000, lock: 60_000 };
  db = await openDatabase({ kind: 'embedded', directory: undefined, timeouts });
});
afterAll(async () => {
  await db.close();
  await previous[Symbol.asyncDispose]();
});

const previous = await unpackPrevious();
const { directory, released } = previous;

test('A migration that the version before contains is never edited', async () => {
  expect(released.size).toBeGreaterThanOrEqual(3);
  for (const name of released) {
    const read = (root: string) => readFile(join(root, `db/migrations/${name}.ts`), 'utf8');
    expect(await read(resolve(import.meta.dirname, '../..')), name).toBe(await read(directory));
  }
});

/** Effects of released migrations, from before the check knew the effects. A released migration is never edited. */
const ACCEPTED: Record<string, Accepted> = {
  '0004_admission': [
    {
      effect: 'changes the function introzy_audit_member()',
      because: 'writes the same entries for the version before, and also knows a login of the accounts',
    },
    {
      effect: 'drops or renames the grant public TEMPORARY the database',
      because: 'no version uses a temporary table',
    },
  ],
  '0005_kept_columns': [
    {
      effect: 'adds the trigger contacts.keep',
      because: 'raises nothing, and writes what the generated columns had',
    },
  ],
};

test('Every migration keeps to its kind: the version before goes on working, and no table is locked for long', async () => {
  for (const [name, migration] of Object.entries(migrations)) {
    const before = Object.keys(migrations).filter((other) => other < name);
    await migrate(db, { to: before.at(-1) ?? '0003_audit_log' });
    const { accepts = [] } = migration.kind === 'contract' ? {} : migration;
    const accepting = { ...migration, accepts: [...accepts, ...(ACCEPTED[name] ?? [])] };
    expect(await lintMigration(db, accepting, released), name).toEqual([]);
  }
  await migrate(db);
});

type Kind = Migrations[string]['kind'];

/** A migration of some statements. */
function migration(kind: Kind, statements: string[], removes = '0003_audit_log'): Migrations[string] {
  const up = async (trx: Kysely<unknown>) => {
    for (const statement of statements) await sql.raw(statement).execute(trx);
  };
  if (kind === 'background') return { kind, batch: (trx) => up(trx) };
  return kind === 'expand' ? { kind, up } : { kind, removes, up };
}

const lint = (statements: string[], kind: Kind = 'expand') => lintMigration(db, migration(kind, statements));

describe('An expand migration is refused that', () => {
  test.each<[string, string | string[]]>([
    ['drops or renames the table', 'drop table verifications'],
    ['drops or renames the table', 'alter table verifications rename to checks'],
    ['drops or renames the column contacts.title', 'alter table contacts drop column title'],
    ['drops or renames the column contacts.title', 'alter table contacts rename title to job'],
    ['drops or renames the function', 'drop function introzy_contact_document'],
    ['drops or renames the function', 'alter function introzy_contact_exists(uuid) rename to introzy_exists'],
    ['drops or renames the policy', 'drop policy tenant on contacts'],
    ['changes the policy', 'alter policy tenant on contacts using (true)'],
    ['drops or renames the index', 'drop index contacts_updated_at'],
    ['drops or renames the index', 'alter index contacts_updated_at rename to other'],
    ['drops or renames the trigger', 'drop trigger keep on contacts'],
    ['drops or renames the constraint', 'alter table users drop constraint users_email'],
    ['drops or renames the grant', 'revoke select on contacts from introzy_app'],
    ['changes row-level security', 'alter table contacts disable row level security'],
    ['adds the restrictive policy contacts.less', 'create policy less on contacts as restrictive using (version > 1)'],
    ['changes the owner of the table contacts', 'alter table contacts owner to introzy_auth'],
    ['drops or renames the grant public USAGE the schema', 'revoke usage on schema public from public'],
    ['drops or renames the grant public CONNECT the database', 'revoke connect on database postgres from public'],
    ['drops or renames the membership introzy_app of', 'revoke introzy_app from current_user'],
    ['changes the type of the column contacts.title', 'alter table contacts alter title type varchar(100)'],
    ['changes the type of the column contacts.version', 'alter table contacts alter version type bigint'],
    ['makes the column contacts.title not null', 'alter table contacts alter title set not null'],
    ['drops the default of contacts.tags', 'alter table contacts alter tags drop default'],
    ['adds the column contacts.stars', 'alter table contacts add stars integer not null'],
    ['checks all of the table contacts', 'alter table contacts add constraint short check (length(title) < 9)'],
    ['checks all of the table contacts', 'alter table contacts add constraint title unique (title)'],
    [
      'adds the constraint contacts.short, which an older write may violate',
      'alter table contacts add constraint short check (length(title) < 9) not valid',
    ],
    [
      'adds the constraint contacts.short, which an older write may violate',
      [
        'alter table contacts add stars int',
        'alter table contacts add constraint short check (version > stars) not valid',
      ],
    ],
    [
      'adds the constraint contacts.never, which an older write may violate',
      'alter table contacts add constraint never check (false) not valid',
    ],
    [
      'adds the constraint contacts.titled, which an older write may violate',
      [
        'create table titles (title text primary key)',
        'alter table contacts add constraint titled foreign key (title) references titles not valid',
      ],
    ],
    [
      'checks all of the table api_keys',
      'alter table api_keys add constraint issuer foreign key (organization_id) references organizations',
    ],
    [
      'checks all of the table contacts',
      [
        'alter table contacts add constraint short check (length(title) < 9) not valid',
        'alter table contacts validate constraint short',
      ],
    ],
    ['rewrites the table contacts', 'alter table contacts add token uuid default gen_random_uuid()'],
    ['rewrites the table contacts', `alter table contacts add upper text generated always as (upper(name)) stored`],
    ['builds the index contacts_title', 'create index contacts_title on contacts (title)'],
    ['builds the index contacts_title', 'create unique index contacts_title on contacts (title)'],
    [
      'adds the unique index contacts_title, which an older write may violate',
      'create unique index contacts_title on contacts (title)',
    ],
    [
      'adds the trigger contacts.again, which older writes meet',
      'create trigger again before insert on contacts for each row execute function introzy_keep_contact()',
    ],
    [
      'adds the trigger contacts.again, which older writes meet',
      [
        `create function introzy_refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$`,
        'create trigger again before update on contacts for each row execute function introzy_refuse()',
      ],
    ],
    [
      'changes the trigger contacts.keep',
      'create or replace trigger keep before insert on contacts for each row execute function introzy_keep_contact()',
    ],
    [
      'adds the rule contacts.nothing, which older writes meet',
      'create rule nothing as on update to contacts do instead nothing',
    ],
    [
      'changes the function introzy_enter',
      `create or replace function introzy_enter(p_organization_id uuid, p_statement_timeout int, p_lock_timeout int)
        returns void language plpgsql as $$ begin end $$`,
    ],
    ['changes the function introzy_contact_exists', 'alter function introzy_contact_exists security invoker'],
    ['changes the function introzy_contact_exists', 'alter function introzy_contact_exists set search_path = pg_temp'],
    [
      'changes the owner of the function introzy_keep_contact',
      'alter function introzy_keep_contact owner to introzy_auth',
    ],
    [
      'gives the function introzy_contact_exists other arguments',
      'create function introzy_contact_exists(p_id uuid, p_deleted boolean) returns boolean language sql return true',
    ],
    [
      'drops or renames the function',
      [
        'drop function introzy_contact_exists(uuid)',
        'create function introzy_contact_exists(p_id uuid) returns int language sql return 1',
      ],
    ],
    ['reads or writes all of the table contacts', `update contacts set title = ''`],
    ['reads or writes all of the table contacts', 'delete from contacts'],
    ['reads or writes all of the table contacts', `do $$ begin update contacts set title = ''; end $$`],
    ['drops or renames the column contacts.title', `do $$ begin execute 'alter table contacts drop title'; end $$`],
  ])('%s: %s', async (finding, statements) => {
    expect((await lint([statements].flat())).join('\n')).toContain(finding);
  });

  test('changes a type that older code uses', async () => {
    await sql.raw(`create type color as enum ('red')`).execute(db.root);
    expect((await lint(['drop type color'])).join()).toContain('drops or renames the type color');
    expect((await lint(['alter type color rename to hue'])).join()).toContain('drops or renames the type color');
  });
});

test.each<[string, string[]]>([
  ['a new column', ['alter table contacts add stars integer']],
  ['a new column with a constant', ['alter table contacts add stars integer not null default 0']],
  ['a default for later rows', ['alter table contacts alter title set default $$-$$']],
  ['a looser column', ['alter table members alter role drop not null']],
  [
    'a constraint on a new column',
    ['alter table contacts add stars int', 'alter table contacts add constraint short check (stars < 9) not valid'],
  ],
  [
    'a new table with all that belongs to it',
    [
      'create table notes (organization_id uuid not null references organizations, id uuid, text text, primary key (organization_id, id))',
      'create index notes_text on notes (text)',
      'insert into notes select id, id, name from (values (null::uuid, null)) v (id, name) where false',
      'update notes set text = upper(text)',
      'alter table notes enable row level security',
      'create policy tenant on notes using (organization_id = introzy_organization_id())',
      'grant select on notes to introzy_app',
    ],
  ],
  ['a new function', ['create function introzy_new(p_id uuid) returns uuid language sql return p_id']],
  ['a permissive policy', ['create policy more on contacts for select to introzy_auth using (false)']],
  [
    'a new table with a trigger, a unique index and a constraint',
    [
      'create table notes (id uuid primary key, text text)',
      'create unique index notes_text on notes (text)',
      'alter table notes add constraint short check (length(text) < 9)',
      'create trigger keep before insert on notes for each row execute function introzy_keep_contact()',
    ],
  ],
])('An expand migration may have %s', async (_, statements) => {
  expect(await lint(statements)).toEqual([]);
});

test('A background migration changes all rows and builds indexes, and breaks nothing', async () => {
  const indexes = [{ name: 'contacts_title', table: 'contacts', as: '(title)' }];
  expect(await lintMigration(db, { kind: 'background', indexes })).toEqual([]);
  const later = 'alter table contacts add constraint short check (length(title) < 9) not valid';
  const unique = 'create unique index contacts_title on contacts (title)';
  for (const statement of [later, unique]) {
    expect((await lint([statement], 'background')).join()).toContain('which an older write may violate');
  }
  await sql.raw(later).execute(db.root);
  const validating = ['alter table contacts validate constraint short', `update contacts set title = ''`];
  expect(await lint(validating, 'background')).toEqual([]);
  await sql.raw('alter table contacts drop constraint short').execute(db.root);
  expect((await lint(['alter table contacts drop title'], 'background')).join()).toContain('drops or renames');
  expect((await lint(['alter table contacts alter version type bigint'], 'background')).join()).toContain('rewrites');
});

test('A contract migration removes what a migration of the version before left, and takes no long lock', async () => {
  const drop = 'drop function introzy_contact_document';
  const contract = (removes: string, statements = [drop]) =>
    lintMigration(db, migration('contract', statements, removes), released);
  expect(await contract('0003_audit_log')).toEqual([]);
  const [newest = ''] = Object.keys(migrations).filter((name) => !released.has(name));
  expect((await contract(newest)).join()).toContain(`the version before does not contain ${newest}`);
  expect((await contract('0003_audit_log', [`update contacts set title = ''`])).join()).toContain(
    'reads or writes all',
  );
});

const KINDS: Kind[] = ['expand', 'background', 'contract'];

test.each(KINDS)(
  'A migration gives the tables that better-auth reads by select * no other columns: %s',
  async (kind) => {
    const find = async (...statements: string[]) =>
      (await lint(statements, kind)).filter((text) => text.includes('better-auth')).map((text) => text.split(',')[0]);
    for (const table of ['users', 'sessions', 'accounts', 'verifications', 'organizations', 'members', 'invitations']) {
      expect(await find(`alter table ${table} add note text`)).toEqual([`adds the column ${table}.note`]);
      expect(await find(`alter table ${table} drop id cascade`)).toContain(`drops the column ${table}.id`);
    }
    expect(await find(`alter table sessions alter token type varchar(64)`)).toEqual([
      'changes the column sessions.token',
    ]);
    expect(await find('alter table accounts rename scope to scopes')).toEqual([
      'drops the column accounts.scope',
      'adds the column accounts.scopes',
    ]);
    expect(await find(`do $$ begin alter table members add note text; alter table members drop note; end $$`)).toEqual(
      [],
    );
    expect(await find('alter table contacts add note text', 'create table notes (id uuid)')).toEqual([]);
    expect(await find(`alter table users alter name set default ''`, 'drop table verifications')).toEqual([]);
  },
);

test('An effect is accepted where the migration says why, and only while the migration has the effect', async () => {
  const effect = 'drops or renames the index contacts_updated_at';
  const accepting = (statements: string[]) =>
    lintMigration(db, {
      ...migration('expand', statements),
      accepts: [{ effect, because: 'nobody uses it' }],
    } as Expand);
  expect(await accepting(['drop index contacts_updated_at'])).toEqual([]);
  expect((await accepting(['drop index contacts_email'])).length).toBe(2);
});
