import { sql } from 'kysely';
import { enterAsOperator, type Tenant } from './admission.ts';
import type { AuditContent, NameSalts } from './auditHash.ts';
import type { Database } from './open.ts';

/** The beginning of a chain of seals. */
export interface ChainStart {
  type: 'start';
  organizationId: string;
  /** The seal before the first seal that follows, and its hash; `null` before the first seal of all. */
  number: number;
  hash: string | null;
  /** The number of the chain's last seal. */
  sealedThrough: number;
  /** All entries from before this time are sealed; `null` before the first round of sealing has settled. */
  settledAt: Date | null;
}

/** An entry, whose content is missing where somebody took the entry out of the log. `seal`: `null` until sealed. */
export type ChainEntry = { type: 'entry'; seal: number | null; id: string; hash: string | null; names: NameSalts } & (
  | (AuditContent & { isMissing: false })
  | { isMissing: true }
);

/** A seal, which comes after its entries. */
export interface ChainSeal {
  type: 'seal';
  number: number;
  previous: string | null;
  hash: string;
  sealedAt: Date;
}

export type ChainItem = ChainStart | ChainEntry | ChainSeal;

interface ChainQuery {
  organizationId: string;
  /** Leaves out the seals whose entries are all older, and the older entries that are not sealed. */
  since?: Date | undefined;
}

/** The most entries that are in memory at a time. A seal has no more entries. */
const PAGE = 1_000;

/**
 * Gives `visit` the chain of an organization: its beginning, then each seal after the seal's entries, then the entries
 * that are not sealed. Everything comes out of a single snapshot, so that sealing and erasing go on meanwhile.
 */
export async function readChain(
  db: Database,
  query: ChainQuery,
  visit: (item: ChainItem) => Promise<void> | void,
): Promise<void> {
  await db.root.transaction().execute(async (trx) => {
    await sql`set transaction isolation level repeatable read, read only`.execute(trx);
    await enterAsOperator(trx, db, query.organizationId);
    // Whoever reads an export may be slow.
    await sql`select set_config('idle_in_transaction_session_timeout', '0', true)`.execute(trx);
    const start = await findStart(trx, query);
    await visit(start);
    let number: number | undefined = start.number;
    while ((number = await visitSeal(trx, { ...query, after: number, visit })) !== undefined);
    let after: string | undefined = NIL;
    while ((after = await visitUnsealed(trx, { ...query, after, visit })) !== undefined);
  });
}

const NIL = '00000000-0000-0000-0000-000000000000';

async function findStart(db: Tenant, { organizationId, since }: ChainQuery): Promise<ChainStart> {
  const { rows } = await sql<Omit<ChainStart, 'type' | 'organizationId'>>`
    select coalesce(before.number, erased_through, 0)::int as number,
        encode(case when before.number is null then erased_hash else before.hash end, 'hex') as hash,
        coalesce(sealed_through, 0)::int as "sealedThrough", nullif(settled_at, '-infinity') as "settledAt"
      from audit_sealing
      left join audit_chains c on c.organization_id = ${organizationId}
      left join lateral (
        select number, hash from audit_seals s
          where organization_id = ${organizationId} and last_at < ${since ?? null}::timestamptz and not exists (
            select from audit_seals earlier where earlier.organization_id = ${organizationId}
              and earlier.number < s.number and earlier.last_at >= ${since ?? null}::timestamptz)
          order by number desc limit 1
      ) before on true`.execute(db);
  return { type: 'start', organizationId, ...(rows[0] as Omit<ChainStart, 'type' | 'organizationId'>) };
}

type Visit = ChainQuery & { visit: (item: ChainItem) => Promise<void> | void };

/** Visits the seal that follows the seal `after`, and gives its number. */
async function visitSeal(
  db: Tenant,
  { organizationId, after, visit }: Visit & { after: number },
): Promise<number | undefined> {
  const { rows } = await sql<Omit<ChainSeal, 'type'>>`
    select number::int, encode(previous, 'hex') as previous, encode(hash, 'hex') as hash, sealed_at as "sealedAt"
      from audit_seals where organization_id = ${organizationId} and number > ${after} order by number limit 1`.execute(
    db,
  );
  const [seal] = rows;
  if (!seal) return undefined;
  let last: string | undefined = NIL;
  while ((last = await visitEntries(db, { organizationId, seal: seal.number, after: last, visit })) !== undefined);
  await visit({ type: 'seal', ...seal });
  return seal.number;
}

async function visitEntries(
  db: Tenant,
  { organizationId, seal, after, visit }: Visit & { seal: number; after: string },
): Promise<string | undefined> {
  const { rows } = await sql<ChainEntry>`
    select 'entry' as type, e.seal::int, e.id, encode(e.hash, 'hex') as hash, e.names, a.id is null as "isMissing",
        a.at, a.actor, a.action, a.subject, a.details
      from audit_seal_entries e left join audit_log a on a.organization_id = ${organizationId} and a.id = e.id
      where e.organization_id = ${organizationId} and e.seal = ${seal} and e.id > ${after}
      order by e.id limit ${PAGE}`.execute(db);
  for (const entry of rows) await visit(entry);
  return rows.length < PAGE ? undefined : rows.at(-1)?.id;
}

/** Visits entries that are in no seal. */
async function visitUnsealed(
  db: Tenant,
  { organizationId, since, after, visit }: Visit & { after: string },
): Promise<string | undefined> {
  const { rows } = await sql<ChainEntry>`
    select 'entry' as type, null as seal, id, null as hash, '{}'::jsonb as names, false as "isMissing", at, actor, action,
        subject, details
      from audit_log a
      where organization_id = ${organizationId} and id > ${after}
        and at >= coalesce(${since ?? null}::timestamptz, '-infinity') and not exists (
          select from audit_seal_entries e join audit_seals s on s.organization_id = e.organization_id and s.number = e.seal
            where e.organization_id = ${organizationId} and e.id = a.id)
      order by id limit ${PAGE}`.execute(db);
  for (const entry of rows) await visit(entry);
  return rows.length < PAGE ? undefined : rows.at(-1)?.id;
}
