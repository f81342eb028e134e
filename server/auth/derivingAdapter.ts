import { kyselyAdapter } from '@better-auth/kysely-adapter';
import type { BetterAuthOptions, DBAdapter, DBTransactionAdapter } from 'better-auth';
import { withoutSignIn } from '../../db/accounts.ts';
import type { asAccounts } from '../../db/admission.ts';
import { hasSecondFactor } from '../../db/twoFactors.ts';
import { accountsRequest } from './digestingAdapter.ts';

type AccountsDatabase = ReturnType<typeof asAccounts>;
type Row = Record<string, unknown>;

/** The fields that better-auth's plugins add to persons, and that no table of ours has. */
const DERIVED = 'twoFactorEnabled';

/**
 * The adapter of better-auth's library, with two fields that are no columns:
 *
 * - `twoFactorEnabled` of a person is true once the person's authenticator app is confirmed (db/twoFactors.ts). Outside
 *   of requests to better-auth nobody asks for the field, and the query for it is left out.
 * - `isSignIn` of a new session is false where the audit log has no entry for the session, such as a session that goes on
 *   from another session.
 *
 * A column in `users` or `sessions` would break the version before, which reads all columns in prepared statements.
 */
export function deriving(accounts: AccountsDatabase, options: BetterAuthOptions): DBAdapter {
  const make = (db: AccountsDatabase) => kyselyAdapter(db, { type: 'postgres' })(withoutDerived(options));
  const adapter = make(accounts);
  const derive = async <T>(row: T, model: string): Promise<T> => {
    if (!accountsRequest.getStore() || typeof row !== 'object' || row === null) return row;
    if (model === 'user') return { ...row, [DERIVED]: await hasSecondFactor(accounts, `${(row as Row).id}`) };
    const { user } = row as Row;
    return user ? { ...row, user: await derive(user, 'user') } : row;
  };
  const methods: Pick<DBTransactionAdapter, 'create' | 'update' | 'findOne' | 'findMany'> = {
    async create({ data, ...query }) {
      const { isSignIn = true, ...kept } = data as Row;
      const made = isSignIn
        ? adapter.create({ ...query, data: kept })
        : withoutSignIn(accounts, (trx) => make(trx).create({ ...query, data: kept }));
      return (await derive(await made, query.model)) as never;
    },
    async update(query) {
      const row = await adapter.update<Row>(query);
      const given = row && query.model === 'user' ? query.update[DERIVED] : undefined;
      return (given === undefined ? await derive(row, query.model) : { ...row, [DERIVED]: given }) as never;
    },
    findOne: async (query) => (await derive(await adapter.findOne(query), query.model)) as never,
    findMany: async (query) =>
      (await Promise.all((await adapter.findMany(query)).map((row) => derive(row, query.model)))) as never,
  };
  // The library's transactions are none unless asked for: they only run the work, on the same adapter.
  return {
    ...adapter,
    ...methods,
    transaction: (work) => adapter.transaction((inner) => work({ ...inner, ...methods })),
  };
}

const withoutDerived = (options: BetterAuthOptions): BetterAuthOptions => ({
  ...options,
  plugins: (options.plugins ?? []).map(({ schema, ...plugin }) => {
    if (!schema?.user?.fields[DERIVED]) return { ...plugin, ...(schema && { schema }) };
    const { user: _, ...others } = schema;
    return { ...plugin, schema: others };
  }),
});
