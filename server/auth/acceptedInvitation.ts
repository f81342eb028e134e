import { setTimeout } from 'node:timers/promises';
import { findAcceptedInvitation } from '../../db/accounts.ts';
import { invitationIdOf } from './invitationSecret.ts';

/** Milliseconds between two looks for a membership that is being made, and the most looks. */
const LOOKS = { every: 50, most: 20 } as const;

/** Replaces the secret of an invitation's link in a request's body by the id under which the invitation is kept. */
export async function withInvitationId(request: Request): Promise<{ request: Request; id: string | undefined }> {
  if (request.method !== 'POST') return { request, id: undefined };
  const body = (await request.clone().json()) as { invitationId?: unknown };
  if (typeof body.invitationId !== 'string') return { request, id: undefined };
  const id = invitationIdOf(body.invitationId);
  return { request: new Request(request, { body: JSON.stringify({ ...body, invitationId: id }) }), id };
}

/**
 * The answer to a person who has accepted the invitation before, such as by the first of two clicks: the answer to the
 * first. `undefined` where the person has not accepted the invitation. The first call may still be under way.
 */
export async function answerAgain(
  accounts: Parameters<typeof findAcceptedInvitation>[0],
  { id, userId }: { id: string; userId: string },
): Promise<Response | undefined> {
  for (let look = 0; look < LOOKS.most; look++) {
    const found = await findAcceptedInvitation(accounts, { id, userId });
    if (!found) return undefined;
    const { organizationId, memberId, role } = found;
    if (memberId !== null) {
      const member = { id: memberId, organizationId, userId, role };
      return Response.json({ invitation: { id, organizationId, role, status: 'accepted' }, member });
    }
    await setTimeout(LOOKS.every);
  }
  return undefined;
}
