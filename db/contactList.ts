import { type RawBuilder, type SqlBool, sql } from 'kysely';
import { MAX as LAST_ID } from 'uuid';
import type { ContactPlace, ContactSort } from '../shared/contactSort.ts';
import type { ContactField, ContactPage } from '../shared/contacts.ts';
import type { Tenant } from './admission.ts';
import {
  type Conditions,
  countConditions,
  gather,
  matches,
  refuseForeignIds,
  type Sought,
  toSought,
} from './contactConditions.ts';
import {
  type CutRow,
  cutPage,
  type Room,
  roomOf,
  shownDocument,
  toCutPage,
  toWholePage,
  type WholeRow,
  wholeRow,
} from './contactPage.ts';
import { onlyPatterns } from './contactSearch.ts';
import { LAST_WINDOW, nextWindow, searchNewest } from './contactSearchPage.ts';
import {
  DEFAULT_SORT,
  indexedBy,
  isFrom,
  isUnsettled,
  keyOf,
  orderBy,
  toPlace,
  unsettled,
  walk,
} from './contactWalk.ts';
import type { Outcome } from './outcome.ts';
import { prepared } from './prepared.ts';

export interface ContactListQuery extends Conditions {
  organizationId: string;
  limit: number;
  /** The most bytes of a page, `PAGE_BYTES` unless given. A page has at least one contact, however long. */
  bytes?: number | undefined;
  /** `-createdAt`, newest first, unless given. */
  sort?: ContactSort | undefined;
  /** The place of the page's first contact, in the same sort. */
  cursor?: ContactPlace | undefined;
  /** The fields of the contacts beside `id` and `version`: all fields, unless given. */
  fields?: ContactField[] | undefined;
}

interface Query extends ContactListQuery {
  sort: ContactSort;
  sought: Sought;
}

/**
 * Lists a page of contacts in the order of a sort, newest first unless given. Failure: `elsewhere`, where any of `ids` is
 * another organization's.
 *
 * Each sort has an index, alone and of a company's and of a tag's contacts. With further conditions the cheapest way to the
 * first matches depends on the number of matches, and PostgreSQL has no statistics that give this number for text. So such
 * a list begins with a window: the first contacts in the index's order. The window grows while the rate of matches promises
 * a full page in a window of at most `LAST_WINDOW` contacts. Otherwise indexes of the conditions find every match, up to
 * `MOST_GATHERED`, which are sorted. Of more matches the list reads the sort's index until the page is full.
 */
export async function listContacts(db: Tenant, given: ContactListQuery): Promise<Outcome<ContactPage>> {
  const query: Query = { ...given, sort: given.sort ?? DEFAULT_SORT, sought: toSought(given) };
  const { sought, limit, fields, sort } = query;
  const failure = await refuseForeignIds(db, query);
  if (failure) return failure;

  const conditions = countConditions(sought);
  const isPlain = sort === DEFAULT_SORT && fields === undefined;
  if (conditions === 0 && isPlain) return await readPrepared(db, query);
  let window = FIRST_WINDOW;
  const patterns =
    conditions === sought.terms.length && isPlain && !sought.includeDeleted && onlyPatterns(sought.terms);
  if (patterns) {
    const cursor = query.cursor?.id ?? LAST_ID;
    const found = await searchNewest(db, {
      ...query,
      ...roomOf(query),
      patterns,
      plain: sought.plain.patterns,
      cursor,
    });
    if ('page' in found) return found.page;
    window = found.window;
  }
  if (conditions === 0) return (await readFound(db, query, foundInOrder(query, undefined))).page;
  // Few contacts have an email or an id.
  const isNamed = sought.emailKey !== undefined || sought.ids !== undefined;
  const by = indexedBy(sought);
  if (by !== undefined && !isNamed && conditions === 1) {
    const { page, scanned: unsettled } = await readFound(db, query, foundInOrder(query, by));
    if (unsettled === 0) return page;
  }
  const index = by !== undefined && !isNamed && !(await isUnsettled(db, query.organizationId)) ? by : undefined;
  while (window <= LAST_WINDOW && !isNamed && sought.phones === undefined) {
    const { page, count, scanned } = await readFound(db, query, foundInWindow(query, index, window));
    if (page.nextCursor !== null || scanned < window) return page;
    window = nextWindow({ window, count, limit });
  }
  const { page, scanned } = await readFound(db, query, foundByIndex(query));
  return scanned <= MOST_GATHERED ? page : (await readFound(db, query, await findByWalk(db, query, index))).page;
}

/** The number of contacts that the first window holds. */
const FIRST_WINDOW = 300;
/** The most matches that are sorted. */
const MOST_GATHERED = 10_000;
/** The number of contacts that a statement of a walk tries. */
const STEP = 5_000;

interface Newest extends Room {
  organizationId: string;
  limit: number;
  cursor: string;
}

/** The condition on `deleted_at` stands in the statement itself: only then can the index of the living be used. */
const living = sql<SqlBool>`deleted_at is null`;

const readNewestOf = (condition: RawBuilder<SqlBool>) => {
  type Parameter = <K extends keyof Newest>(name: K) => Newest[K];
  const newest = (parameter: Parameter) => sql`
    select id, ${shownDocument} as document, null::text as key from contacts
      where organization_id = ${parameter('organizationId')} and id <= ${parameter('cursor')} and ${condition}
      order by id desc limit ${parameter('limit')}::int + 1`;
  return {
    whole: prepared<Newest, WholeRow>(
      (db, parameter) =>
        sql<WholeRow>`
          select ${wholeRow({ share: parameter('share') })} from (${newest(parameter)}) page`.compile(db),
      { mayShare: true },
    ),
    cut: prepared<Newest, CutRow>(
      (db, parameter) =>
        cutPage({ limit: parameter('limit'), bytes: parameter('bytes') }, newest(parameter)).compile(db),
      { mayShare: true },
    ),
  };
};
const readNewest = { living: readNewestOf(living), all: readNewestOf(sql`true`) };

/** The commonest list: all contacts, newest first. */
async function readPrepared(db: Tenant, query: Query): Promise<ContactPage> {
  const { organizationId, limit, cursor, sought } = query;
  const range = { organizationId, limit, cursor: cursor?.id ?? LAST_ID, ...roomOf(query) };
  const { whole, cut } = readNewest[sought.includeDeleted ? 'all' : 'living'];
  const [row] = await whole(db, range);
  return toWholePage(row as WholeRow, { limit }) ?? toCutPage((await cut(db, range))[0] as CutRow);
}

/**
 * SQL of common table expressions: `found`, up to `limit` + 1 contacts by `id` and `key` in the page's order, which is that
 * of `place`; and `scanned`, a row for each contact that was tried.
 */
type Found = RawBuilder<unknown>;

/** Reads the page of the contacts that `found` names. */
async function readFound(db: Tenant, query: Query, found: Found) {
  const { organizationId, limit, sort } = query;
  const room = roomOf(query);
  const contacts = sql`
    select found.id, found.key, found.place, document from found cross join lateral (
      select ${documentOf(query)} as document from contacts
        where organization_id = ${organizationId} and contacts.id = found.id offset 0
    ) contact order by place`;
  const { rows } = await sql<WholeRow & { scanned: number }>`
    with ${found}
    select ${wholeRow(room)}, (array_agg(key))[${limit + 1}] as key, (select count(*)::int from scanned) as scanned
      from (${contacts}) page`.execute(db);
  const [row] = rows as [WholeRow & { scanned: number }];
  const whole = toWholePage(row, { limit, sort });
  if (whole) return { ...row, page: whole };
  const cut = await sql<CutRow>`with ${found} ${cutPage({ limit, ...room, order: sql`place` }, contacts)}`.execute(db);
  return { ...row, page: toCutPage(cut.rows[0] as CutRow, sort) };
}

/** SQL of the contact as JSON text, with the fields that the query chooses, in the order of the document. */
function documentOf({ fields }: Query): RawBuilder<string> {
  if (fields === undefined) return shownDocument;
  const chosen = [...new Set<ContactField>(['id', ...fields, 'version'])];
  const pairs = chosen.map((field) => sql`${sql.lit(field)}, (${shownDocument})::json -> ${sql.lit(field)}`);
  return sql`json_build_object(${sql.join(pairs)})::text`;
}

const NOTHING = sql`select where false`;
const foundOf = ({ sort, limit }: Query, contacts: RawBuilder<unknown>) => sql`found as materialized (
  select id, ${keyOf(sort)} as key, row_number() over (order by ${orderBy(sort)}) as place
    from (select * from (${contacts}) contact order by ${orderBy(sort)} limit ${limit + 1}) contact)`;

type By = 'company' | 'tag' | undefined;

/** Finds the contacts that an index has in order, without a further condition. `scanned` is of `unsettled`. */
const foundInOrder = (query: Query, by: By): Found => sql`
  scanned as (${by ? unsettled(query.organizationId) : NOTHING}), ${foundOf(query, walk({ ...query, cursor: query.cursor, by, limit: query.limit + 1, isJudged: false }))}`;

/** Finds matches among the first `window` contacts of an index. */
const foundInWindow = (query: Query, by: By, window: number): Found => sql`
  scanned as materialized (
    select id, updated_at, name_fold, ${matches(query.sought)} as is_match
      from (${walk({ ...query, cursor: query.cursor, by, limit: window, isJudged: true })}) contact
  ), ${foundOf(query, sql`select * from scanned where is_match`)}`;

/** Finds matches by the indexes of the conditions. */
const foundByIndex = (query: Query): Found => sql`
  scanned as materialized (${gather(query.organizationId, query.sought, { limit: MOST_GATHERED + 1, mayGiveUp: true })}),
  ${foundOf(query, sql`select * from scanned where ${isFrom(query.cursor)}`)}`;

/**
 * Reads an index in order until the matches fill the page, up to `STEP` contacts at a time: a statement without a limit
 * might read and sort all contacts.
 */
async function findByWalk(db: Tenant, query: Query, by: By): Promise<Found> {
  const { sort, limit, sought } = query;
  const found: { id: string; key: string | null }[] = [];
  for (let cursor = query.cursor; ; ) {
    const contacts = walk({ ...query, cursor, by, limit: STEP, isJudged: true });
    const { rows } = await sql<{ id: string; key: string | null; isLast: boolean }>`
      with scanned as materialized (
        select id, ${keyOf(sort)} as key, row_number() over (order by ${orderBy(sort)}) as place,
            ${matches(sought)} as is_match
          from (${contacts}) contact
      )
      (select id, key, false as "isLast" from scanned where is_match and place < ${STEP}
        order by place limit ${limit + 1 - found.length})
      union all select id, key, true from scanned where place = ${STEP}`.execute(db);
    const last = rows.find(({ isLast }) => isLast);
    found.push(...rows.filter(({ isLast }) => !isLast));
    if (!last || found.length > limit) break;
    cursor = toPlace({ sort, ...last });
  }
  return sql`scanned as (${NOTHING}), found as materialized (
    select id, key, place from unnest(${found.map(({ id }) => id)}::uuid[], ${found.map(({ key }) => key)}::text[])
      with ordinality found (id, key, place))`;
}
