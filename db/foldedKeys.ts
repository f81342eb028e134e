import { createHash } from 'node:crypto';
import { fold } from '../shared/fold.ts';
import { firstCharacters } from './searchText.ts';

/**
 * The most characters of a key: an entry of a b-tree has 2,704 bytes of room, and may hold two keys of up to 1,200 bytes.
 * Folding can make a text longer: 18 letters of `ﷺ`.
 */
const MOST = 300;

/** The name by which lists are sorted, in the order of code points. Names that differ later than that are sorted by id. */
export const toNameFold = (name: string): string => firstCharacters(fold(name).trim(), MOST);

/** The form in which companies are compared. A longer text ends with its digest, so that no two companies are the same. */
export function toCompanyFold(company: string): string {
  const folded = fold(company).trim();
  if (folded.length <= MOST) return folded;
  const digest = createHash('sha256').update(folded).digest('hex');
  return firstCharacters(folded, MOST - digest.length) + digest;
}
