import { APIError, createAuthEndpoint, sensitiveSessionMiddleware } from 'better-auth/api';
import { z } from 'zod';
import { asAccounts } from '../../db/admission.ts';
import type { Database } from '../../db/open.ts';
import { beginProof, recordProof } from '../../db/proofs.ts';
import { PASSWORD } from '../../shared/roles.ts';

const ProofRequest = z.object({ password: z.string().max(PASSWORD.most) });

/**
 * A plugin of better-auth: `POST /prove` takes the password of the person who is signed in, and notes in the session
 * that the person has proved who they are. After ten wrong passwords the session ends, so that whoever found an open
 * dashboard cannot guess on. The person signs in again; other sessions go on.
 */
export const proofs = (db: Database) => ({
  id: 'proofs',
  endpoints: {
    prove: createAuthEndpoint(
      '/prove',
      { method: 'POST', body: ProofRequest, use: [sensitiveSessionMiddleware] },
      async ({ context, body, json }) => {
        const { session, user } = context.session;
        const left = await beginProof(asAccounts(db), session.id);
        if (left === undefined) throw signInAgain();
        const accounts = await context.internalAdapter.findAccounts(user.id);
        const hash = accounts.find(({ providerId }) => providerId === 'credential')?.password;
        if (!hash || !(await context.password.verify({ hash, password: body.password }))) {
          if (left > 0) throw new APIError('BAD_REQUEST', { message: 'The password is wrong' });
          await context.internalAdapter.deleteSession(session.token);
          throw signInAgain();
        }
        await recordProof(asAccounts(db), session.id);
        return json({ status: true });
      },
    ),
  },
});

const signInAgain = () =>
  new APIError('UNAUTHORIZED', {
    message: 'The password was wrong too often, and the session has ended: sign in again',
  });
