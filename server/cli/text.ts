/** Text that a terminal shows and does not obey: without characters that control it or turn it around. */
export const printable = (text: string) =>
  text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u{202a}-\u{202e}\u{2066}-\u{2069}]/gu, '\u{fffd}');

/** Rows under headings, in columns as wide as what is in them. */
export function table(headings: string[], rows: string[][]): string {
  const lines = [headings, ...rows.map((row) => row.map(printable))];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => [...(line[column] ?? '')].length)));
  return lines
    .map((line) => line.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - [...cell].length)).join('  '))
    .map((line) => line.trimEnd())
    .join('\n');
}

/** `2026-11-24 19:41`, in UTC. */
export const minuteOf = (date: Date) => date.toISOString().slice(0, 16).replace('T', ' ');
