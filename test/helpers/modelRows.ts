import type { ApiKey } from '../../shared/apiKeys.ts';
import type { Contact } from '../../shared/contacts.ts';
import type { Role } from '../../shared/people.ts';

/** The type after JSON: a `Date` is text. */
type Shown<T> = { [K in keyof T]: T[K] extends Date ? string : T[K] extends Date | null ? string | null : T[K] };
export type ModelContact = Shown<Contact>;
export type ModelKey = Omit<Shown<ApiKey>, 'lastUsedAt'>;

/** A person of an organization. `role`: null where the person was removed. */
export interface ModelPerson {
  id: string;
  /** The email address. */
  name: string;
  memberId: string;
  role: Role | null;
}

/** A secret that the service issued. */
export interface ModelSecret {
  key: string;
  /** Null: the operator's. */
  holder: ModelPerson | null;
  /** The secret's time has run out. */
  isOver: boolean;
  isUsed?: boolean;
  /** The id of the key or the person whose rotation made the secret. */
  rotatedBy?: string;
  /** The hours that the older secrets work after the first use of this secret. */
  graceAfterUse?: number;
}

export interface ModelKeyRow {
  shown: ModelKey;
  /** Oldest first. */
  secrets: ModelSecret[];
  /** The steps at which the key was revoked, and was kept last. */
  revokedAt?: number;
  keptAt?: number;
  /** The descendants that went on when the key was revoked. */
  keptKeys?: ModelKeyRow[];
}

/** The rows of an organization, as plain arrays. */
export interface ModelOrganization {
  id: string;
  contacts: ModelContact[];
  /** A key stands behind the key that issued it. */
  keys: ModelKeyRow[];
  /** Also the people who were removed, but not the organization's first owner. */
  people: ModelPerson[];
}

export const newestFirst = (a: { id: string }, b: { id: string }) => (a.id < b.id ? 1 : -1);
