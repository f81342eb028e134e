import type { Tenant } from '../../db/admission.ts';
import type { Scope } from '../../shared/apiKeys.ts';
import type { KeyRefusal } from '../../shared/errors.ts';
import type { Role } from '../../shared/people.ts';

/** Who calls: one of the organization's keys, or a person who is signed in to it. */
export interface Identity {
  organizationId: string;
  scopes: readonly Scope[];
  who: { type: 'key'; id: string } | { type: 'person'; id: string; role: Role };
}

/** Who calls, and the way to that organization's data, which checks them each time. */
export interface Principal {
  identity: Identity;
  tenant: Tenant;
  /**
   * What the call counts against: the key or the person, or, of a secret that the database has refused, that secret alone.
   * Who holds one that was cut off is not to use up the rate of the key's owner.
   */
  countedAs: string;
  /** True once the database has admitted the caller, in a transaction of this call's. */
  isAdmitted(): boolean;
  /** Has the database check the caller, for a call that has not read or written anything. */
  admit(): Promise<void>;
  /** Notes that the database has refused them instead. */
  refuse(): void;
}

export type Identification = { ok: true; principal: Principal } | { ok: false; refusal: KeyRefusal };
