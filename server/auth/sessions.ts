import { asNobody, enter } from '../../db/admission.ts';
import { type Database, forOneCall } from '../../db/open.ts';
import { findSessionPerson } from '../../db/people.ts';
import { scopesOf } from '../../shared/roles.ts';
import type { Accounts } from './accounts.ts';
import type { Identification } from './principal.ts';

/**
 * Finds the person behind a session's cookie. Without a valid session the request has no credential at all. Membership
 * and role are read anew for each request, and checked once more in each transaction of the admission.
 */
export async function identifyPerson(
  parts: { db: Database; accounts: Accounts },
  { headers, isGone }: { headers: Headers; isGone?: () => boolean },
): Promise<Identification> {
  const sessionId = await parts.accounts.findSession(headers);
  const db = forOneCall(parts.db, isGone);
  const person = sessionId === undefined ? undefined : await findSessionPerson(asNobody(db), sessionId);
  if (sessionId === undefined || !person) return { ok: false, refusal: 'missing' };

  const { organizationId, userId, role, hasFactor } = person;
  return {
    ok: true,
    principal: {
      identity: { organizationId, scopes: scopesOf(role), who: { type: 'person', id: userId, role, hasFactor } },
      admission: enter(db, { type: 'person', organizationId, sessionId, role }),
      countedAs: userId,
      sessionId,
      lacksFactor: person.requiresFactor && !hasFactor,
      refuse: () => {},
    },
  };
}
