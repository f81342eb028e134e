import { type Kysely, sql } from 'kysely';
import { MAX as LAST_ID } from 'uuid';
import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import type { Schema } from '../../db/schema.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

const SIGNATURE = 'introzy_found_contacts(jsonb, int)';

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

const ATTACK = "' or true --";

/** As `PATTERNS`, for the present version's function. */
const TERMS = [
  null,
  [],
  [[[{ like: '%' }]]],
  [
    [[{ like: '%%' }, { like: '%' }]],
    [[{ like: '%contact%', part: 'contact', place: 'within' }], [{ like: 'nothing' }]],
  ],
  [[[{ like: 'nothing', whole: ['nothing'] }]]],
  [[[{ like: ATTACK, whole: [ATTACK], part: ATTACK, place: ATTACK }]]],
  [[[{ like: ATTACK, part: ATTACK, place: 'start' }]]],
  [[[{ like: `\\${ATTACK}`, part: `\\${ATTACK}`, place: 'end' }]]],
  [[[{ like: '%$1%', part: '$1', place: 'within' }]], [], [[]]],
  [[[null]]],
  [[['%']]],
];

/** The ids that the present version's function finds with these terms and any other conditions. */
async function findAnyFolded(db: Kysely<Schema>, terms: unknown, ids: string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select distinct found.id from
      (values (null), (array['tag']), (array[''' or true --'])) tags (tags),
      (values (null), (array[''' or true --', null])) patterns (patterns),
      (values (null), ('-infinity')) times (since),
      (values (true), (null)) states (deleted),
      unnest(${[null, ids[0] ?? null]}::uuid[]) ids (first),
      (values (null), (''' or true --')) companies (company),
      (values (null), ('["'' or true --"]'::jsonb)) fields (fields),
      (values (null), (1000)) limits (most),
      lateral introzy_found_contacts(jsonb_strip_nulls(jsonb_build_object(
        'mayGiveUp', deleted, 'tagWords', tags, 'terms', ${terms === null ? null : JSON.stringify(terms)}::jsonb, 'tags', tags, 'plainTags', tags,
        'patterns', patterns, 'updatedSince', since, 'createdFrom', first,
        'createdSince', case when first is not null then coalesce(since, 'epoch') end,
        'includeDeleted', deleted, 'company', company, 'companyKey', company, 'fields', fields, 'phones', case when deleted then tags end
      )), most) found where found.id is not null`.execute(db);
  return rows.map(({ id }) => id).sort();
}

/** The ids that the index of words finds for these terms' patterns, from any of the ids on. */
async function findAnyNewest(db: Kysely<Schema>, terms: unknown, ids: string[]): Promise<string[]> {
  const patterns = terms === null ? null : JSON.stringify((terms as unknown[]).flat(2));
  const { rows } = await sql<{ id: string }>`
    select distinct id from unnest(${[null, LAST_ID, ...ids]}::uuid[]) first,
      unnest(introzy_newest_with_words(${patterns}::jsonb, first)) id`.execute(db);
  return rows.map(({ id }) => id).sort();
}

/**
 * The ids that the function of the version before finds with these patterns and any other arguments. The argument `first`
 * is also each of `ids`.
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
  const living = [own[0], own[2]];
  const searches = [
    { finds: PATTERNS.map((patterns) => (db: Kysely<Schema>) => findAny(db, patterns, [...theirs, ...own])) },
    {
      finds: TERMS.map((terms) => (db: Kysely<Schema>) => findAnyNewest(db, terms, [...theirs, ...own])),
      all: living,
    },
    { finds: TERMS.map((terms) => (db: Kysely<Schema>) => findAnyFolded(db, terms, [...theirs, ...own])) },
  ];
  for (const [index, { finds, all = own }] of searches.entries()) {
    // At last one of the own contacts, and another organization's, are in an older form.
    for (const isOlder of index < 2 ? [false] : [false, true]) {
      if (isOlder) await runAsAdmin(app, `update contacts set form = 1 where id in ('${own[0]}', '${theirs[0]}')`);
      const found = new Set<string>();
      for (const find of finds) {
        const ids = await find(asOperator(app.db, app.one.id));
        expect(ids.filter((id) => !own.includes(id))).toEqual([]);
        for (const id of ids) found.add(id);
        // The function finds nothing where no organization is set.
        await app.db.root.transaction().execute(async (trx) => {
          await sql`set local role introzy_app`.execute(trx);
          expect(await find(trx)).toEqual([]);
        });
      }
      expect([...found].sort()).toEqual([...all].sort());
    }
  }
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

test('A search, for a tenant too, is answered by the index of words, also where some contacts are in an older form', async () => {
  await using app = await testApp({ isAlone: true });
  const insert = (form: number) =>
    runAsAdmin(
      app,
      `insert into contacts (organization_id, id, name, name_key, company, company_key, tags, form, folded, tag_keys, phone_keys)
        select case when n % 4 = 0 then '${app.other.id}'::uuid else '${app.one.id}'::uuid end, gen_random_uuid(), name,
          name, 'Company', 'company', array['tag' || n % 500], ${form}, ' ' || name || E'\\n company', array['tag' || n % 500], '{}'
          from (select n, 'contact ' || n || case when n % 1000 = 1 then ' needle' else '' end as name
            from generate_series(1, 6000) n) names`,
    );
  await insert(2);
  await runAsAdmin(app, 'analyze contacts');
  // The function's own statement with `explain` in front, in a function with the same owner and the same arguments.
  const [row] = await runAsAdmin(app, `select pg_get_functiondef('${SIGNATURE}'::regprocedure) as source`);
  const source = String(row?.source);
  const explaining = source
    .replace('introzy_found_contacts', 'introzy_explain_found')
    .replace(/TABLE\(.*?\)/, 'SETOF text')
    .replace('STABLE', 'VOLATILE')
    .replace("'with matching", "'explain (costs off) with matching");
  expect(explaining.match(/introzy_explain_found|SETOF text|VOLATILE|explain \(costs off\)/g)).toHaveLength(4);
  await runAsAdmin(app, explaining);
  for (const statement of [
    'grant create on schema public to introzy_lookup',
    `alter function ${SIGNATURE.replace('found_contacts', 'explain_found')} owner to introzy_lookup`,
    'revoke create on schema public from introzy_lookup',
  ]) {
    await runAsAdmin(app, statement);
  }
  const tenant = asOperator(app.db, app.one.id);
  const parts = (text: string) => ({ like: `%${text}%`, part: text, place: 'within' });
  const searches: [terms: ReturnType<typeof parts>[][][], tag: string | null][] = [
    [[[[parts('needle')]]], null],
    [[[[parts('needle')]], [[parts('contact')]]], null],
    [[[[parts('needle')], [parts('1234')]]], null],
    [[], 'tag7'],
    [[[[parts('needle')]]], 'tag1'],
  ];
  for (const isMixed of [false, true]) {
    if (isMixed) {
      await insert(1);
      await runAsAdmin(app, 'analyze contacts');
    }
    for (const [terms, tag] of searches) {
      const patterns = terms.map(([first]) => first?.[0]?.like);
      const tags = tag === null ? undefined : [tag];
      const tagWords = tags?.map((tag) => `\u001d${tag}`);
      const conditions = { terms, tags, tagWords, patterns, plainTags: tags };
      const { rows } = await sql<{ line: string }>`
        select line from introzy_explain_found(${JSON.stringify(conditions)}::jsonb, 10001) line`.execute(tenant);
      const plan = rows.map(({ line }) => line).join('\n');
      expect(plan, plan).toContain('Bitmap Index Scan on contacts_words');
      expect(plan, plan).not.toMatch(/Seq Scan|Index Scan using|on contacts_living/);
      // Few contacts are in an older form: by that, or by the older search.
      expect(/Bitmap Index Scan on contacts_(search|before_form)/.test(plan), plan).toBe(isMixed);
      const indexed = [...plan.matchAll(/on contacts_words\n\s+Index Cond: (.*)/g)].map(([, condition]) => condition);
      expect(indexed.join('\n'), plan).toContain(tag === null ? '&&' : '@>');
      for (const { like } of terms.flat(2)) expect(plan, plan).toContain(`folded ~~ '${like}'`);
    }
  }
  const page = await app.trpc(app.one.key).contacts.list.query({ search: 'needle' });
  expect(page.items).toHaveLength(12);
});

test('The kept plans of a search read the index of words and no other, whatever the values are', async () => {
  await using app = await testApp({ isAlone: true });
  await runAsAdmin(
    app,
    `insert into contacts (organization_id, id, name, name_key, form, folded, tag_keys, phone_keys)
      select '${app.one.id}', gen_random_uuid(), name, name, 2, ' ' || name, '{}', '{}'
        from (select 'contact ' || n as name from generate_series(1, 6000) n) names`,
  );
  await runAsAdmin(app, 'analyze contacts');
  await runAsAdmin(app, 'analyze contact_words');
  // Explains a statement with kept plan, with the rights and the settings of the functions of a search.
  for (const statement of [
    `create function introzy_explain_kept(p_statement text, p_values text) returns setof text language plpgsql security definer
      set search_path = public, pg_temp set plan_cache_mode = force_generic_plan
      set enable_seqscan = off set enable_indexscan = off set max_parallel_workers_per_gather = 0 as $$
      begin
        execute 'prepare kept as ' || p_statement;
        return query execute 'explain (costs off) execute kept (' || p_values || ')';
        deallocate kept;
      end $$`,
    'grant create on schema public to introzy_lookup',
    'alter function introzy_explain_kept(text, text) owner to introzy_lookup',
    'revoke create on schema public from introzy_lookup',
  ]) {
    await runAsAdmin(app, statement);
  }
  const plansOf = async (signature: string) => {
    const [row] = await runAsAdmin(app, `select pg_get_functiondef('${signature}'::regprocedure) as source`);
    const statements = String(row?.source).match(/array\(\s*select (?!jsonb)[\s\S]*?\);/g) ?? [];
    const plans: string[] = [];
    for (const statement of statements) {
      const types = Object.entries({ v_all: 'bigint[]', v_fewest: 'bigint[]', v_few: 'bigint[]', v_keys: 'bigint[]' })
        .concat(Object.entries({ v_organization_id: 'uuid', p_from: 'uuid', v_part: 'text', v_place: 'text' }))
        .filter(([name]) => new RegExp(`\\b${name}\\b`).test(statement));
      const generic = types.reduce(
        (text, [name, type], i) => text.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), `$${i + 1}::${type}`),
        statement.replace(/^array\(/, '').replace(/\);$/, ''),
      );
      const { rows } = await sql<{ line: string }>`
        select line from introzy_explain_kept(${generic}, ${types.map(() => 'null').join(', ')}) line`.execute(
        asOperator(app.db, app.one.id),
      );
      plans.push(rows.map(({ line }) => line).join('\n'));
    }
    return plans;
  };
  const contacts = await plansOf('introzy_newest_with_words(jsonb, uuid)');
  expect(contacts).toHaveLength(5);
  for (const plan of contacts) {
    expect(plan).toContain('Bitmap Index Scan on contacts_words');
    expect(plan).not.toMatch(/Seq Scan|Index Scan using|Scan on contacts_(?!words)/);
  }
  const words = await plansOf('introzy_sought_words(jsonb)');
  expect(words.map((plan) => /Bitmap Index Scan on (\w+)/.exec(plan)?.[1])).toEqual([
    'contact_words_start',
    'contact_words_parts',
  ]);
});
