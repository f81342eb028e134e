import type { Admission } from '../../db/admission.ts';
import type { KeyRefusal } from '../../shared/errors.ts';
import type { Role } from '../../shared/people.ts';
import type { Scope } from '../../shared/scopes.ts';
import type { UsedSecret } from './lastUse.ts';

/** The caller of a request: a key of the organization, or a person, signed in to the organization. */
export interface Identity {
  organizationId: string;
  scopes: readonly Scope[];
  /** The key's own limit of calls a minute, at most a minute behind. The service's limit holds too. */
  rateLimit?: number;
  who: { type: 'key'; id: string; isToken?: true } | { type: 'person'; id: string; role: Role; hasFactor: boolean };
}

/** The caller, and the way to the organization's data, which checks the caller in each transaction. */
export interface Principal {
  /** What is remembered or was read before the call's transactions. The admission's transactions decide. */
  identity: Identity;
  admission: Admission;
  /**
   * The name under which the call counts against a rate: the id of the key or the person. For a secret that the
   * database refused, the name is the secret's own: the holder of a cut-off secret must not use up the key's rate.
   */
  countedAs: string;
  /** The key's secret that calls; `undefined` for a person. */
  secret?: UsedSecret;
  /** The person has no second factor, and the organization requires the factor. */
  lacksFactor?: boolean;
  /** The person's session; `undefined` for a key. */
  sessionId?: string;
  /** Notes that the database has refused the caller. */
  refuse(): void;
}

export type Identification = { ok: true; principal: Principal } | { ok: false; refusal: KeyRefusal };
