import { badRequest } from './errors.ts';

/** A list of entity tags (RFC 9110, section 8.8.3): `W/"3", "4"`. Commas may also stand in a tag, and elements may be empty. */
const LIST = /^[\s,]*(?:(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"\s*(?:,[\s,]*|$))+$/;
/** A bare version, which people write into a command line. */
const VERSION = /^\d{1,9}$/;

/** The entity tag of a version. */
export const toEntityTag = (version: number) => `"${version}"`;

/** The texts of the tags in a list, `W/"3", "4"` → `['3', '4']`; `undefined` where the header is no list of tags. */
function readTags(header: string): string[] | undefined {
  const value = header.trim();
  if (VERSION.test(value)) return [value];
  return LIST.test(value) ? Array.from(value.matchAll(/"([^"]*)"/g), ([, text]) => text as string) : undefined;
}

/**
 * The versions in an `If-Match` (RFC 9110, section 13.1.1): a number, or a list of several; `undefined` without the
 * header, or for `*`. Compression makes our tags weak, so that weak forms count too. A tag that is not ours is no version.
 * Throws 400 for text that is no list of tags.
 */
export function readIfMatch(header: string | null): number | number[] | undefined {
  const value = header?.trim();
  if (value === undefined || value === '*') return undefined;
  const tags = readTags(value);
  if (!tags) throw badRequest('Not an entity tag, such as "3", nor a list of them', ['If-Match']);
  const versions = [...new Set(tags.map((tag) => (VERSION.test(tag) ? Number(tag) : NO_VERSION)))];
  return versions.length === 1 ? versions[0] : versions;
}

/** No contact has this version: versions begin with 1. */
const NO_VERSION = 0;

/**
 * The tag with which to answer 304, where an `If-None-Match` (RFC 9110, section 13.1.2) has the version: in the form that
 * the caller knows, by which a cache finds its copy. `undefined`: the caller has another version, or none.
 */
export function findCurrentTag(header: string | null, version: number): string | undefined {
  const tag = toEntityTag(version);
  if (header === null) return undefined;
  if (header.trim() === '*') return tag;
  if (!readTags(header)?.includes(String(version))) return undefined;
  const weak = `W/${tag}`;
  return header.replaceAll(weak, '').includes(tag) || !header.includes(weak) ? tag : weak;
}
