import type { DBAdapter, DBTransactionAdapter } from 'better-auth';
import { APIError } from 'better-auth/api';
import { verifyPassword } from 'better-auth/crypto';
import { endSession, isCurrentPassword } from '../../db/currentPassword.ts';
import { accountsRequest } from './digestingAdapter.ts';

/**
 * Verifies a password for better-auth, and notes the hash with the request. A password is verified slowly: somebody may set
 * another password meanwhile, and what the request does then rests on a password that no longer holds.
 */
export async function verifyAndNote(pair: { hash: string; password: string }): Promise<boolean> {
  const isRight = await verifyPassword(pair);
  const request = accountsRequest.getStore();
  if (isRight && request) request.passwordHash = pair.hash;
  return isRight;
}

/**
 * Ends a session that has just been made, where the password behind the session was changed meanwhile. A change ends the
 * sessions that it finds once the new password is kept; a session that is made later finds the new password here.
 */
export async function refuseOldPassword(
  accounts: Parameters<typeof isCurrentPassword>[0],
  { id, userId }: { id: string; userId: string },
): Promise<void> {
  const hash = accountsRequest.getStore()?.passwordHash;
  if (hash === undefined || (await isCurrentPassword(accounts, { userId, hash }))) return;
  await endSession(accounts, id);
  throw new APIError('UNAUTHORIZED', { message: 'Invalid email or password', code: 'INVALID_EMAIL_OR_PASSWORD' });
}

/**
 * Stands between better-auth and its adapter: a password that replaces a verified one replaces no other. So whoever has the
 * old password cannot replace the password that a reset sets at the same time.
 */
export function comparingPasswords(adapter: DBAdapter): DBAdapter {
  return {
    ...adapter,
    update: compared(adapter),
    transaction: (work) => adapter.transaction((inner) => work({ ...inner, update: compared(inner) })),
  };
}

const compared =
  (adapter: DBTransactionAdapter): DBAdapter['update'] =>
  async <T>(query: Parameters<DBAdapter['update']>[0]) => {
    const request = accountsRequest.getStore();
    const { password } = query.update;
    if (query.model !== 'account' || typeof password !== 'string' || request?.passwordHash === undefined) {
      return await adapter.update<T>(query);
    }
    const where = [...query.where, { field: 'password', value: request.passwordHash }];
    const changed = await adapter.update<T>({ ...query, where });
    if (!changed) {
      throw new APIError('UNAUTHORIZED', { message: 'The password was changed meanwhile: sign in again' });
    }
    request.passwordHash = password;
    return changed;
  };
