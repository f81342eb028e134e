/** Text that is safe on a terminal: U+FFFD replaces control characters, line breaks and bidirectional controls. */
export const printable = (text: string) =>
  text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u{202a}-\u{202e}\u{2066}-\u{2069}]/gu, '\u{fffd}');

/** Rows under headings, each column as wide as its longest cell. */
export function table(headings: string[], rows: string[][]): string {
  const lines = [headings, ...rows.map((row) => row.map(printable))];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => [...(line[column] ?? '')].length)));
  return lines
    .map((line) => line.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - [...cell].length)).join('  '))
    .map((line) => line.trimEnd())
    .join('\n');
}

/** A date in UTC, to the minute: `2026-11-24 09:30`. */
export const minuteOf = (date: Date) => date.toISOString().slice(0, 16).replace('T', ' ');
