/*
 * The messages of PostgreSQL's extended query protocol that a flight consists of (PostgreSQL's documentation, "Message
 * Formats"). A message is a letter, a length that counts itself and not the letter, and the message's fields. All messages
 * of a flight are written into one buffer, because a write for each message would cost more than all messages.
 */

/** A parameter's value: text, or bytes for PostgreSQL's binary format. */
export type WireValue = string | Buffer | null;

/** A statement of a flight. */
export interface WireStatement {
  /** The name under which the server keeps the statement; `''` for a statement that is not kept. */
  name: string;
  values: readonly WireValue[];
  /** The statement's SQL, where the server has yet to parse the statement. */
  parse: string | undefined;
  /** True where the server must describe the statement's columns. */
  describe: boolean;
}

/** Execute of the unnamed portal, without a limit of rows. */
const EXECUTE = Buffer.from([0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0]);
/** Describe of the unnamed portal. */
const DESCRIBE = Buffer.from([0x44, 0, 0, 0, 6, 0x50, 0]);
const SYNC = Buffer.from([0x53, 0, 0, 0, 4]);
const [PARSE, BIND, CLOSE, STATEMENT] = [0x50, 0x42, 0x43, 0x53];

/** Writes the messages that close the statements `closed`, run `statements`, and end with a single Sync. */
export function encodeFlight(closed: readonly string[], statements: readonly WireStatement[]): Buffer {
  let size = SYNC.length;
  for (const name of closed) size += 7 + name.length;
  for (const { name, values, parse, describe } of statements) {
    if (parse !== undefined) size += 9 + name.length + Buffer.byteLength(parse);
    size += 13 + name.length + 6 * values.length;
    for (const value of values) size += lengthOf(value);
    size += (describe ? DESCRIBE.length : 0) + EXECUTE.length;
  }
  const buffer = Buffer.allocUnsafe(size);
  let at = 0;
  const begin = (letter: number, length: number) => {
    buffer[at] = letter;
    buffer.writeInt32BE(length, at + 1);
    at += 5;
  };
  const text = (value: string) => {
    at += buffer.write(value, at);
    buffer[at] = 0;
    at += 1;
  };
  const int16 = (value: number) => {
    at = buffer.writeInt16BE(value, at);
  };
  const constant = (message: Buffer) => {
    at += message.copy(buffer, at);
  };

  for (const name of closed) {
    begin(CLOSE, 6 + name.length);
    buffer[at] = STATEMENT;
    at += 1;
    text(name);
  }
  for (const { name, values, parse, describe } of statements) {
    if (parse !== undefined) {
      begin(PARSE, 8 + name.length + Buffer.byteLength(parse));
      text(name);
      text(parse);
      int16(0);
    }
    const start = at;
    begin(BIND, 0);
    text('');
    text(name);
    int16(values.length);
    for (const value of values) int16(typeof value === 'object' && value !== null ? 1 : 0);
    int16(values.length);
    for (const value of values) {
      at = buffer.writeInt32BE(value === null ? -1 : lengthOf(value), at);
      if (typeof value === 'string') at += buffer.write(value, at);
      else if (value !== null) at += value.copy(buffer, at);
    }
    // Results come as text.
    int16(0);
    buffer.writeInt32BE(at - start - 1, start + 1);
    if (describe) constant(DESCRIBE);
    constant(EXECUTE);
  }
  constant(SYNC);
  return buffer;
}

const lengthOf = (value: WireValue) => (value === null ? 0 : Buffer.byteLength(value));
