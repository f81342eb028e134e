import { isRecentlyProved } from '../../db/proofs.ts';
import { PROOF_NEEDED } from '../../shared/refusals.ts';
import type { Principal } from '../auth/principal.ts';
import { fault } from '../http/errors.ts';

/** Throws 403 for a person who did not give the password within the last 15 minutes. A key needs no proof. */
export async function requireRecentProof({ identity, admission, sessionId }: Principal): Promise<void> {
  if (sessionId === undefined) return;
  const { organizationId } = identity;
  if (await isRecentlyProved(admission.tenant(), { organizationId, sessionId })) return;
  throw fault('FORBIDDEN', { details: { reason: PROOF_NEEDED } });
}
