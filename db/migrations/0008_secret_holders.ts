import { type Kysely, sql } from 'kysely';

export const kind = 'background';

/**
 * Indexes for the keys that a key issued, for the keys that are not revoked, and for the secrets that a person holds.
 */
export const indexes = [
  { name: 'api_keys_created_by', table: 'api_keys', as: '(organization_id, created_by_id, id)' },
  { name: 'api_keys_not_revoked', table: 'api_keys', as: '(organization_id, id) where revoked_at is null' },
  { name: 'api_key_secrets_holder', table: 'api_key_secrets', as: '(organization_id, holder_id)' },
];

/**
 * Gives the secrets of an organization that are older than holders their holders. The audit log tells who was shown a
 * secret, and who kept a key.
 */
export async function batch(trx: Kysely<unknown>, progress: unknown): Promise<unknown> {
  const { after, isAgain } = (progress ?? { after: null, isAgain: false }) as Progress;
  const { rows } = await sql<{ id: string }>`
    select id from organizations where ${after}::uuid is null or id > ${after}::uuid order by id limit 1`.execute(trx);
  const organizationId = rows[0]?.id;
  if (organizationId === undefined) return isAgain ? null : { after: null, isAgain: true };
  await sql`select set_config('introzy.organization_id', ${organizationId}, true)`.execute(trx);
  const { rows: secrets } = await readSecrets(trx, organizationId);
  /**
   * The holder of each key's newest secret so far, at a time: a secret that somebody kept had another holder before. A
   * secret is older than the secrets that were made with it.
   */
  const holders = new Map<string, (at: Date) => string | null>();
  for (const secret of secrets) {
    const { keyId, maker, makerId, id, hint, createdAt, keptBy, keptAt } = secret;
    const ofMaker = (key: string | null) => holders.get(key ?? '')?.(createdAt) ?? null;
    const made = maker === 'key' ? ofMaker(makerId) : maker === 'person' ? makerId : null;
    const holder = id === null ? (keptBy ?? made) : secret.holderId;
    holders.set(keyId, (at) => (id === null && keptAt && at < keptAt ? made : holder));
    if (id !== null) continue;
    await sql`
      update api_key_secrets set id = gen_random_uuid(), hint = ${hint}, holder_id = ${holder}
        where organization_id = ${organizationId} and digest = ${secret.digest} and id is null`.execute(trx);
  }
  return { after: organizationId, isAgain };
}

/**
 * The organization of the last batch. Every organization is read twice: a secret that was being made while its
 * organization was read, by a secret without a holder, is found the second time.
 */
interface Progress {
  after: string | null;
  isAgain: boolean;
}

interface OldSecret {
  keyId: string;
  digest: Buffer;
  /** Null: the secret has no holder yet. */
  id: string | null;
  holderId: string | null;
  hint: string | null;
  /** The secret was shown to a person, to a key (and so to the holder of the key's secret), or to the operator. */
  maker: 'person' | 'key' | 'operator';
  makerId: string | null;
  createdAt: Date;
  /** The person who last kept the key after the secret was made, and when. */
  keptBy: string | null;
  keptAt: Date | null;
}

/**
 * Reads an organization's secrets, oldest first. A key's newest secret belongs to the key's newest entry of an issue or
 * a rotation, the secret before to the entry before, and so on. A secret from before the audit log has no entry: then
 * the key's issuer was shown the secret. The first key of an organization is as old as the organization, and the
 * operator was shown it.
 */
const readSecrets = (trx: Kysely<unknown>, organizationId: string) =>
  sql<OldSecret>`
  with secrets as (
    select *, row_number() over (partition by api_key_id order by created_at desc, digest) as age from api_key_secrets
      where organization_id = ${organizationId}
  ), entries as (
    select (subject->>'id')::uuid as api_key_id, actor, details->>'hint' as hint,
        row_number() over (partition by subject->>'id' order by id desc) as age
      from audit_log
      where organization_id = ${organizationId} and action in ('apiKey.issued', 'apiKey.rotated')
  )
  select s.api_key_id as "keyId", s.digest, s.id, s.holder_id as "holderId",
      coalesce(s.hint, e.hint, case when s.age = 1 then k.hint end) as hint,
      coalesce(e.actor->>'type', case when k.created_at = o.created_at then 'operator' else k.created_by_type end) as maker,
      coalesce(e.actor->>'id', k.created_by_id) as "makerId",
      s.created_at as "createdAt", kept.by as "keptBy", kept.at as "keptAt"
    from secrets s
    join api_keys k on k.organization_id = s.organization_id and k.id = s.api_key_id
    join organizations o on o.id = s.organization_id
    left join entries e on e.api_key_id = s.api_key_id and e.age = s.age
    left join lateral (
      select a.actor->>'id' as by, a.at from audit_log a
        where a.organization_id = s.organization_id and a.action = 'apiKey.kept' and a.actor->>'type' = 'person'
          and a.subject->>'id' = s.api_key_id::text and a.at >= s.created_at
        order by a.id desc limit 1) kept on true
    order by s.created_at, k.id`.execute(trx);
