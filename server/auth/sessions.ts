import { admitPerson, asNobody, asPerson } from '../../db/admission.ts';
import { forOneCall } from '../../db/open.ts';
import { findSessionPerson } from '../../db/people.ts';
import { scopesOf } from '../../shared/roles.ts';
import type { Deps } from '../start/deps.ts';
import type { Credential } from './credential.ts';
import type { Identification } from './principal.ts';

/**
 * Who is signed in. Without a session that holds there is no credential at all. Membership and role are read anew for each
 * request, and checked once more in each transaction that `tenant` opens.
 */
export async function identifyPerson(
  deps: Deps,
  { headers, forgery }: Credential & { type: 'session' },
): Promise<Identification> {
  if (forgery) throw forgery;
  const sessionId = await deps.accounts.findSession(headers);
  const db = forOneCall(deps.db);
  const person = sessionId === undefined ? undefined : await findSessionPerson(asNobody(db), sessionId);
  if (sessionId === undefined || !person) return { ok: false, refusal: 'missing' };

  const { organizationId, userId, role } = person;
  let isAdmitted = false;
  const entry = { organizationId, sessionId, role, onAdmitted: () => void (isAdmitted = true) };
  return {
    ok: true,
    principal: {
      identity: { organizationId, scopes: scopesOf(role), who: { type: 'person', id: userId, role } },
      tenant: asPerson(db, entry),
      countedAs: userId,
      isAdmitted: () => isAdmitted,
      admit: () => admitPerson(db, entry),
      refuse: () => {},
    },
  };
}
