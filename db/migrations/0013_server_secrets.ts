import { type Kysely, sql } from 'kysely';

export const kind = 'expand';

/** The operator's look at what still hangs on each server secret, in all organizations. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ schema: string }>`select quote_ident(current_schema()) as schema`.execute(db);
  for (const statement of lookups(rows[0]?.schema ?? 'public')) await sql.raw(statement).execute(db);
}

const lookups = (schema: string) => [
  // By server secret: how many secrets and tokens of keys work by a digest under the server secret, and until when the
  // last of them works. For the owner alone.
  `create function introzy_server_secrets()
  returns table (secret_id text, what text, live bigint, last_expires_at timestamptz)
  language sql stable security definer
  begin atomic
    select s.secret_id, 'apiKeys' as what, count(*) as live, max(s.expires_at) as last_expires_at
      from api_key_secrets s
      join api_keys k on k.organization_id = s.organization_id and k.id = s.api_key_id
      where s.expires_at > now() and k.revoked_at is null
      group by s.secret_id
    union all
    select t.secret_id, 'tokens' as what, count(*) as live, max(least(t.expires_at, s.expires_at)) as last_expires_at
      from api_key_tokens t
      join api_key_secrets s
        on s.organization_id = t.organization_id and s.api_key_id = t.api_key_id and s.id = t.minted_by
      join api_keys k on k.organization_id = s.organization_id and k.id = s.api_key_id
      where t.expires_at > now() and s.expires_at > now() and k.revoked_at is null
      group by t.secret_id;
  end`,
  'grant select (secret_id, expires_at) on api_key_secrets, api_key_tokens to introzy_lookup',
  'grant select (minted_by) on api_key_tokens to introzy_lookup',
  'grant introzy_lookup to current_user',
  `grant create on schema ${schema} to introzy_lookup`,
  'alter function introzy_server_secrets() owner to introzy_lookup',
  'revoke execute on function introzy_server_secrets() from public',
  'grant execute on function introzy_server_secrets() to current_user',
  `revoke create on schema ${schema} from introzy_lookup`,
  'revoke introzy_lookup from current_user',
];
