import { APIError, createAuthEndpoint, sensitiveSessionMiddleware } from 'better-auth/api';
import { z } from 'zod';
import { asAccounts } from '../../db/admission.ts';
import type { Database } from '../../db/open.ts';
import { beginProof, recordProof } from '../../db/proofs.ts';
import { PASSWORD } from '../../shared/roles.ts';
import type { KeySecrets } from './keySecret.ts';
import { takeCode } from './secondFactor.ts';

/** Characters: people copy a code with spaces. */
const CODE_LENGTH = 20;

const ProofRequest = z.union([
  z.object({ password: z.string().max(PASSWORD.most) }),
  z.object({ code: z.string().max(CODE_LENGTH) }),
]);
type ProofRequest = z.infer<typeof ProofRequest>;

/**
 * A plugin of better-auth: `POST /prove` takes the password of the person who is signed in, or a code of their
 * authenticator app, and notes for the session that the person has proved who they are. After ten wrong proofs the
 * session ends, so that whoever found an open dashboard cannot guess on. The person signs in again; other sessions go on.
 */
export const proofs = ({ db, keySecrets }: { db: Database; keySecrets: KeySecrets }) => ({
  id: 'proofs',
  endpoints: {
    prove: createAuthEndpoint(
      '/prove',
      { method: 'POST', body: ProofRequest, use: [sensitiveSessionMiddleware] },
      async ({ context, body, json }) => {
        const { session, user } = context.session;
        const left = await beginProof(asAccounts(db), session.id);
        if (left === undefined) throw signInAgain();
        const isRight =
          'code' in body
            ? await takeCode({ accounts: asAccounts(db), keySecrets }, { userId: user.id, code: body.code.trim() })
            : await isPassword(context, user.id, body.password);
        if (!isRight) {
          if (left > 0) throw new APIError('BAD_REQUEST', { message: describe(body) });
          await context.internalAdapter.deleteSession(session.token);
          throw signInAgain();
        }
        await recordProof(asAccounts(db), session.id);
        return json({ status: true });
      },
    ),
  },
});

interface Passwords {
  internalAdapter: {
    findAccounts(userId: string): Promise<{ providerId: string; password?: string | null | undefined }[]>;
  };
  password: { verify(pair: { hash: string; password: string }): Promise<boolean> };
}

async function isPassword({ internalAdapter, password: { verify } }: Passwords, userId: string, password: string) {
  const accounts = await internalAdapter.findAccounts(userId);
  const hash = accounts.find(({ providerId }) => providerId === 'credential')?.password;
  return !!hash && (await verify({ hash, password }));
}

const describe = (body: ProofRequest) =>
  'code' in body ? 'The code is wrong, or was used before: wait for the next code' : 'The password is wrong';

const signInAgain = () =>
  new APIError('UNAUTHORIZED', {
    message: 'The password or the code was wrong too often, and the session has ended: sign in again',
  });
