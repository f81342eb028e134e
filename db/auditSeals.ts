import { type Kysely, sql } from 'kysely';
import type { Tenant } from './admission.ts';
import { type AuditContent, hashEntry, hashSeal, saltNames } from './auditHash.ts';
import type { Schema } from './schema.ts';

/** The most entries of a seal. */
const ENTRIES_A_SEAL = 1_000;

/** The result of an attempt to seal entries. */
interface Sealing {
  /** Another instance seals the organization's entries at this moment. */
  isBusy: boolean;
  /** The number of entries in the new seal. 0: no seal was made. */
  sealed: number;
  /** The last entry of the new seal: the next attempt of the same round goes on after this entry. */
  lastId: string | undefined;
}

/**
 * Seals up to 1,000 entries of an organization that are not sealed, after the entry `after`. An entry counts once the
 * entry's transaction has ended, so that a seal waits for no writer; an entry whose transaction ends late is in a later
 * seal. A lock keeps other instances, and whatever erases entries, from the same chain.
 */
export async function sealEntries(
  db: Tenant,
  { organizationId, after }: { organizationId: string; after: string },
): Promise<Sealing> {
  return await db.transaction().execute(async (trx) => {
    const { isMine, sealedAt } = await takeChain(trx, organizationId);
    if (!isMine) return { isBusy: true, sealed: 0, lastId: undefined };
    const entries = await listEntriesToSeal(trx, { organizationId, after });
    const lastId = entries.at(-1)?.id;
    if (lastId === undefined) return { isBusy: false, sealed: 0, lastId };
    const last = await findLastSeal(trx, organizationId);
    const rows = entries.map((content) => {
      const names = saltNames(content);
      return { id: content.id, hash: hashEntry(content, names), names };
    });
    const seal = { organizationId, number: Number(last?.number ?? 0) + 1, previous: last?.hash ?? null, sealedAt };
    const hash = hashSeal({ ...seal, entries: rows.map((row) => row.hash) });
    const lastAt = new Date(Math.max(...entries.map(({ at }) => at.getTime())));
    await insertSeal(trx, { ...seal, hash, lastAt, rows });
    return { isBusy: false, sealed: entries.length, lastId };
  });
}

/** Tries to take the chain of an organization until the transaction ends. */
async function takeChain(db: Tenant, organizationId: string) {
  const { rows } = await sql<{ isMine: boolean; sealedAt: Date }>`
    select pg_try_advisory_xact_lock(hashtextextended('introzy audit ' || ${organizationId}::uuid, 0)) as "isMine",
      clock_timestamp()::timestamptz(3) as "sealedAt"`.execute(db);
  return rows[0] as { isMine: boolean; sealedAt: Date };
}

async function listEntriesToSeal(
  db: Tenant,
  { organizationId, after }: { organizationId: string; after: string },
): Promise<AuditContent[]> {
  const { rows } = await sql<AuditContent>`
    select id, at, actor, action, subject, details from audit_log a
      where organization_id = ${organizationId} and id > ${after} and not exists (
        select from audit_seal_entries e where e.organization_id = ${organizationId} and e.id = a.id)
      order by id limit ${ENTRIES_A_SEAL}`.execute(db);
  return rows;
}

/** The last seal of a chain. Where AUDIT_DAYS erased all seals, the last seal that was erased. */
async function findLastSeal(
  db: Tenant,
  organizationId: string,
): Promise<{ number: string; hash: string | null } | undefined> {
  const { rows } = await sql<{ number: string; hash: string | null }>`
    select number, encode(hash, 'hex') as hash from (
      select number, hash from audit_seals where organization_id = ${organizationId}
      union all select erased_through, erased_hash from audit_chains where organization_id = ${organizationId}
    ) seals order by number desc limit 1`.execute(db);
  return rows[0];
}

interface NewSeal {
  organizationId: string;
  number: number;
  previous: string | null;
  sealedAt: Date;
  hash: string;
  lastAt: Date;
  rows: { id: string; hash: string; names: unknown }[];
}

async function insertSeal(db: Tenant, { organizationId, number, previous, sealedAt, hash, lastAt, rows }: NewSeal) {
  await sql`
    with chain as (
      insert into audit_chains (organization_id, sealed_through) values (${organizationId}, ${number})
        on conflict (organization_id) do update set sealed_through = excluded.sealed_through
    ), entries as (
      insert into audit_seal_entries (organization_id, seal, id, hash, names)
        select ${organizationId}, ${number}, id, decode(hash, 'hex'), names
          from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as entry (id uuid, hash text, names jsonb)
    )
    insert into audit_seals (organization_id, number, previous, hash, sealed_at, last_at)
      values (${organizationId}, ${number}, decode(${previous}::text, 'hex'), decode(${hash}, 'hex'), ${sealedAt},
        ${lastAt})`.execute(db);
}

/** The beginning of a round of sealing. Numbers of transactions are PostgreSQL's `xid8`, as text. */
export interface Round {
  /** All entries with smaller ids are sealed: a round looks at the entries after this id alone. */
  after: string;
  /** The `pending_at` that the round has read. */
  pendingAt: string | null;
  /** All transactions from before `pending_at` have ended: a round that seals everything may take it for `settled_at`. */
  isSettled: boolean;
  begunAt: string;
  /** The first transaction that had not begun. */
  nextXid: string;
}

/** An id that sorts before the ids of all entries. */
const NIL = '00000000-0000-0000-0000-000000000000';

/** An entry's id is made of its time shortly before its transaction gets a number, and clocks are set. */
const SLACK = sql`interval '1 hour'`;

/** Begins a round of sealing. A database that was restored elsewhere knows none of the older transactions. */
export async function beginRound(db: Kysely<Schema>): Promise<Round> {
  const { rows } = await sql<Round>`
    select case when since = '-infinity' then ${NIL}::uuid else (lpad(to_hex(
          (extract(epoch from since) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid end as after,
        pending_at::text as "pendingAt",
        coalesce(pending_xid <= pg_snapshot_xmin(snapshot) or pending_xid > pg_snapshot_xmax(snapshot), false)
          as "isSettled",
        now()::text as "begunAt", pg_snapshot_xmax(snapshot)::text as "nextXid"
      from audit_sealing, pg_current_snapshot() snapshot, lateral (select least(settled_at, now() - ${SLACK}) as since) looked`.execute(
    db,
  );
  return rows[0] as Round;
}

/**
 * Notes that a round has sealed every entry that it found, some entries or none. Where a round of another instance was
 * noted meanwhile, does nothing.
 */
export async function endRound(
  db: Kysely<Schema>,
  { pendingAt, isSettled, begunAt, nextXid, hasSealed }: Round & { hasSealed: boolean },
): Promise<void> {
  if (pendingAt === null ? !hasSealed : !isSettled) return;
  const next = hasSealed ? { at: begunAt, xid: nextXid } : { at: null, xid: null };
  await sql`
    update audit_sealing set settled_at = coalesce(pending_at - ${SLACK}, settled_at),
        pending_at = ${next.at}::timestamptz, pending_xid = ${next.xid}::text::xid8
      where pending_at is not distinct from ${pendingAt}::timestamptz`.execute(db);
}

/** Lists the ids of the organizations with entries after an id that are not sealed. */
export async function listOrganizationsToSeal(db: Kysely<Schema>, { after }: Pick<Round, 'after'>): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`select introzy_organizations_to_seal(${after}) as id`.execute(db);
  return rows.map(({ id }) => id);
}
