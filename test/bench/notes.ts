/** The words of notes, and how often each occurs: the word of rank k is k times as rare as the word of rank 1 (Zipf). */
const WORDS = 20_000;
/** Pieces that notes are joined of. */
const PIECES = 50_000;
/** Characters of a piece, with the blank behind it: four pieces are notes of 400 characters. */
const LENGTH = 100;

/** The word of a rank: two to four syllables. Each rank has a word of its own. */
export function wordOf(rank: number): string {
  const syllables = [...'bdfgklmnprstvz'].flatMap((consonant) => [...'aeiou'].map((vowel) => consonant + vowel));
  // 7,919 has no divisor in common with the number of words of three syllables, so that near ranks differ at once.
  let number = (rank * 7_919) % syllables.length ** 3;
  const word: string[] = [];
  for (let place = 0; place < 3; place++) {
    word.push(syllables[number % syllables.length] as string);
    number = Math.floor(number / syllables.length);
  }
  return word.join('') + (rank % 3 === 0 ? 'n' : '');
}

/** Makes the pieces: each time the same, as the generator of random numbers has a fixed start. */
function makePieces(): string[] {
  const random = createRandom(1);
  const sums = [0];
  for (let rank = 1; rank <= WORDS; rank++) sums.push((sums[rank - 1] as number) + 1 / rank);
  const total = sums[WORDS] as number;
  const draw = () => {
    const sought = random() * total;
    let [low, high] = [1, WORDS];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] as number) < sought) low = middle + 1;
      else high = middle;
    }
    return wordOf(low);
  };
  return Array.from({ length: PIECES }, () => {
    let piece = draw();
    for (let word = draw(); piece.length + word.length + 1 < LENGTH; word = draw()) piece += ` ${word}`;
    return piece;
  });
}

/** The generator mulberry32: numbers from 0 to 1. */
function createRandom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Statements that make the table `pieces` (n from 0), and the SQL of the notes of contact number `i`. */
export const piecesTable = (): string[] => [
  'create unlogged table pieces (n integer primary key, text text not null)',
  `insert into pieces select place - 1, piece from unnest('{${makePieces().join(',')}}'::text[]) with ordinality p (piece, place)`,
];
export const NOTES = `(select string_agg(text, ' ') from pieces
  where n in (select (hashint4(i * 4 + part)::bigint + 2147483648) % ${PIECES} from generate_series(0, 3) part))`;
