import { type Kysely, sql } from 'kysely';
import { MAX as LAST_ID } from 'uuid';
import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import type { Schema } from '../../db/schema.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

const SIGNATURE = 'introzy_matching_contacts(text[], text, timestamptz, boolean, uuid, int)';

/** Lists of patterns. The test tries each list with every combination of the other arguments. */
const PATTERNS = [
  null,
  [],
  ['%'],
  ['%%', '%'],
  ['%contact%'],
  ['nothing'],
  ['\\_%'],
  ["' or true --"],
  ['%$1%'],
  ['', null],
];

/**
 * The ids that the function finds with these patterns and any other arguments. The argument `first` is also each of
 * `ids`.
 */
async function findAny(db: Kysely<Schema>, patterns: (string | null)[] | null, ids: string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select distinct matching.id from
      (values (null), ('tag'), (''' or true --')) tags (tag),
      (values (null), ('epoch'::timestamptz), ('-infinity')) times (since),
      (values (true), (false), (null)) states (deleted),
      unnest(${[null, LAST_ID, ...ids]}::uuid[]) ids (first),
      (values (null), (1000)) limits (most),
      lateral introzy_matching_contacts(${patterns}::text[], tag, since, deleted, first, most) matching (id)`.execute(
    db,
  );
  return rows.map(({ id }) => id).sort();
}

test('The search past the policies finds an organization’s own contacts, whatever it is asked', async () => {
  await using app = await testApp();
  const made = new Map<string, string[]>();
  for (const { id, key } of [app.one, app.other, app.one]) {
    const { contacts } = app.trpc(key);
    const contact = await contacts.create.mutate({ name: 'A contact', tags: ['tag'] });
    const deleted = await contacts.create.mutate({ name: 'A deleted contact', tags: ['tag'] });
    await contacts.delete.mutate({ id: deleted.id });
    made.set(id, [...(made.get(id) ?? []), contact.id, deleted.id]);
  }
  const own = made.get(app.one.id) ?? [];
  const theirs = made.get(app.other.id) ?? [];
  const found = new Set<string>();
  for (const patterns of PATTERNS) {
    const ids = await findAny(asOperator(app.db, app.one.id), patterns, [...theirs, ...own]);
    expect(
      ids.filter((id) => !own.includes(id)),
      JSON.stringify(patterns),
    ).toEqual([]);
    for (const id of ids) found.add(id);
    // The function finds nothing where no organization is set.
    await app.db.root.transaction().execute(async (trx) => {
      await sql`set local role introzy_app`.execute(trx);
      expect(await findAny(trx, patterns, [...theirs, ...own]), JSON.stringify(patterns)).toEqual([]);
    });
  }
  expect([...found].sort()).toEqual([...own].sort());
});

test('The other lookups tell whether an id is anyone’s, and whose a digest is, and no more', async () => {
  await using app = await testApp();
  const tenant = asOperator(app.db, app.one.id);
  const { rows } = await sql<object>`
    select introzy_api_key_exists(${app.other.keyId}) as key, introzy_contact_exists(${app.other.keyId}) as contact,
      (select count(*)::int from introzy_identify(array[]::bytea[])) as none,
      (select count(*)::int from introzy_identify(array[null, ''::bytea, '%'::bytea])) as wild`.execute(tenant);
  expect(rows).toEqual([{ key: true, contact: false, none: 0, wild: 0 }]);
});

test('A search, for a tenant too, is answered by the trigram index', async () => {
  await using app = await testApp({ isAlone: true });
  await runAsAdmin(
    app,
    `insert into contacts (organization_id, id, name, name_key, company, company_key, tags)
      select case when n % 4 = 0 then '${app.other.id}'::uuid else '${app.one.id}'::uuid end, gen_random_uuid(), 'Contact ' || n,
        'contact ' || n || case when n % 1000 = 1 then ' needle' else '' end, 'Company', 'company',
        array['tag' || n % 500] from generate_series(1, 6000) n`,
  );
  await runAsAdmin(app, 'analyze contacts');
  // The function's own statement with `explain` in front, in a function with the same owner and the same arguments.
  const [row] = await runAsAdmin(app, `select pg_get_functiondef('${SIGNATURE}'::regprocedure) as source`);
  const source = String(row?.source);
  const explaining = source
    .replace('introzy_matching_contacts', 'introzy_explain_matching')
    .replace('SETOF uuid', 'SETOF text')
    .replace('STABLE', 'VOLATILE')
    .replace("'select id from", "'explain (costs off) select id from");
  expect(explaining.match(/introzy_explain_matching|SETOF text|VOLATILE|explain \(costs off\)/g)).toHaveLength(4);
  await runAsAdmin(app, explaining);
  for (const statement of [
    'grant create on schema public to introzy_lookup',
    `alter function ${SIGNATURE.replace('matching_contacts', 'explain_matching')} owner to introzy_lookup`,
    'revoke create on schema public from introzy_lookup',
  ]) {
    await runAsAdmin(app, statement);
  }
  const tenant = asOperator(app.db, app.one.id);
  for (const [patterns, tag] of [
    [['%needle%'], null],
    [['%needle%', '%contact%'], null],
    [[], 'tag7'],
    [['%needle%'], 'tag1'],
  ] as const) {
    const { rows } = await sql<{ line: string }>`
      select line from introzy_explain_matching(${patterns}::text[], ${tag}, null, false, ${LAST_ID}, 51) line`.execute(
      tenant,
    );
    const plan = rows.map(({ line }) => line).join('\n');
    expect(plan, plan).toContain('Bitmap Index Scan on contacts_search');
    const condition = /Index Cond: (.*)/.exec(plan)?.[1] ?? '';
    expect(condition, plan).toContain('organization_id = ');
    for (const pattern of patterns) expect(condition, plan).toContain(`search ~~ '${pattern}'`);
    if (tag !== null) expect(condition, plan).toContain('tags @> ');
  }
  const page = await app.trpc(app.one.key).contacts.list.query({ search: 'needle' });
  expect(page.items).toHaveLength(6);
});
