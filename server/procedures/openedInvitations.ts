import { setTimeout } from 'node:timers/promises';
import { v4 as uuidv4 } from 'uuid';
import { asAccounts } from '../../db/admission.ts';
import { findAcceptance, findInvitationId } from '../../db/openedInvitations.ts';
import { digestsOfInvitationToken } from '../auth/invitationToken.ts';
import type { Deps } from './context.ts';

/** How often, and after how many milliseconds, an acceptance that is under way is looked at again. */
const LOOKS = { most: 20, every: 50 } as const;

/**
 * Gives a body the invitation's id in place of the token from the mail: better-auth knows invitations by their ids. A
 * text that is no token, such as an id, gives an id that no invitation has.
 */
export async function openInvitation<T extends { invitationId?: string | undefined }>(deps: Deps, body: T): Promise<T> {
  const { invitationId: token } = body;
  if (token === undefined) return body;
  const found = await findInvitationId(asAccounts(deps.db), digestsOfInvitationToken(deps.keySecrets, token));
  return { ...body, invitationId: found ?? uuidv4() };
}

/**
 * Answers a repeated acceptance of an invitation as the first acceptance was answered, also while the first is under
 * way. `undefined` where the session's person has not accepted the invitation.
 */
export async function repeatAcceptance(
  { db, accounts }: Deps,
  { id, headers }: { id: string; headers: Headers },
): Promise<Response | undefined> {
  const sessionId = await accounts.findSession(headers);
  if (sessionId === undefined) return undefined;
  for (let look = 0; look < LOOKS.most; look++) {
    const { isAccepted, acceptance } = await findAcceptance(asAccounts(db), { id, sessionId });
    if (acceptance) return Response.json(acceptance);
    if (!isAccepted) return undefined;
    await setTimeout(LOOKS.every);
  }
  return undefined;
}
