import { hash, randomBytes } from 'node:crypto';

/*
 * The recipe of the audit log's hashes, which docs/audit-log.md describes for others. A hash is the SHA-256 of canonical
 * JSON (RFC 8785), in lower-case hexadecimal digits.
 */

/** An entry's content, as a row of `audit_log` and a line of an export have the content. */
export interface AuditContent {
  id: string;
  at: Date;
  actor: unknown;
  action: string;
  subject: unknown;
  details: unknown;
}

/**
 * The salts of an entry's names, by the name's place such as `/actor/name`. A name that was erased has its digest in place
 * of the salt.
 */
export type NameSalts = Readonly<Record<string, { salt: string } | { digest: string }>>;

/** The place of each text that may name a person, or tell where a person was. */
export const NAME_PLACES = [
  '/actor/name',
  '/subject/name',
  '/details/address',
  '/details/userAgent',
  '/details/from',
  '/details/to',
  '/details/from/description',
  '/details/to/description',
] as const;

/** The text that stands in the place of an erased name. */
export const ERASED = '(erased)';

/** Bytes of a salt: too many to guess a name by its digest. */
const SALT = 16;

/** Makes a salt for each name in an entry. */
export const saltNames = (content: AuditContent): NameSalts =>
  Object.fromEntries(
    NAME_PLACES.filter((place) => typeof valueAt(content, place) === 'string').map((place) => [
      place,
      { salt: randomBytes(SALT).toString('base64url') },
    ]),
  );

/** The value at a place such as `/actor/name`. */
export const valueAt = (content: AuditContent, place: string): unknown => pathOf(place).reduce<unknown>(child, content);

const pathOf = (place: string) => place.slice(1).split('/');

/**
 * The hash of an entry, in which digests stand for the names. `introzy_erase_audit_person` makes the same digests in SQL.
 */
export function hashEntry(content: AuditContent, names: NameSalts): string {
  const { id, at, actor, action, subject, details } = content;
  const entry = structuredClone({ id, at: at.toISOString(), actor, action, subject, details });
  for (const [place, name] of Object.entries(names)) {
    const path = pathOf(place);
    const last = path.pop() as string;
    const parent = path.reduce<unknown>(child, entry);
    if (!isObject(parent)) continue;
    parent[last] = 'digest' in name ? name.digest : hashOf([name.salt, place, parent[last] ?? null]);
  }
  return hashOf(entry);
}

export interface SealContent {
  organizationId: string;
  number: number;
  /** The hash of the seal before; `null` for the first seal of all. */
  previous: string | null;
  sealedAt: Date;
  /** The hashes of the entries, in the order of the entries' ids. */
  entries: readonly string[];
}

export const hashSeal = ({ organizationId, number, previous, sealedAt, entries }: SealContent): string =>
  hashOf({ organizationId, number, previous, sealedAt: sealedAt.toISOString(), entries });

const hashOf = (value: unknown) => hash('sha256', canonicalJson(value));

/** JSON by RFC 8785: no spaces, properties in the order of their names' UTF-16 code units. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name])}`).join()}}`;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const child = (value: unknown, name: string): unknown => (isObject(value) ? value[name] : undefined);
