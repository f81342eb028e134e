import { z } from 'zod';
import { isWithoutKey, line, soughtLine, WITHOUT_KEY } from './text.ts';

/**
 * A character that a reader sees. Not: blanks, controls, marks without a letter, and characters that most fonts leave
 * out, such as the Hangul filler (U+3164) and the empty braille pattern (U+2800).
 */
const VISIBLE = /[^\p{C}\p{Z}\p{M}\p{Default_Ignorable_Code_Point}\u2800]/u;
/** Controls and ends of lines. */
const CONTROL = /[\p{Cc}\u2028\u2029]/u;
/** The characters that turn the direction of the text that follows (Unicode Standard Annex 9, explicit formatting). */
const OVERRIDE = /[\u202A-\u202E\u2066-\u2069]/u;

const named = <Schema extends z.ZodType<string>>(schema: Schema) =>
  schema
    .refine((name) => VISIBLE.test(name), 'Must have a visible character')
    .refine((name) => !CONTROL.test(name), 'Must be a single line, without control characters')
    .refine(
      (name) => !OVERRIDE.test(name),
      'Must not turn the direction of the text: take out the bidirectional controls',
    );

/** The name of a person, an organization or a key: trimmed, 1 to 100 characters, to keep. */
export const Name = named(line(100));

/** As `Name`, where another check refuses a name with an API key in it. */
export const SoughtName = named(soughtLine(100));

/** The longest part of an address before the @ (RFC 5321, section 4.5.3.1.1). */
const LOCAL_PART = 64;
const ATOM = "[\\p{L}\\p{N}\\p{M}!#$%&'*+/=?^_`{|}~-]+";
const LABEL = '[\\p{L}\\p{N}](?:[\\p{L}\\p{N}\\p{M}-]*[\\p{L}\\p{N}\\p{M}])?';
/** Atoms with dots between them, and a domain name (RFC 5321, section 4.1.2, without quotes; RFC 6531 for letters). */
const ADDRESS = new RegExp(`^${ATOM}(?:\\.${ATOM})*@${LABEL}(?:\\.${LABEL})*$`, 'u');

/** An address that mail is sent to: an account's or an invitation's. ` Ada@Example.com` → `ada@example.com`. */
export const MailAddress = z
  .string()
  .trim()
  .toLowerCase()
  .refine(isWithoutKey, WITHOUT_KEY)
  .refine(
    (address) => address.length <= 254 && address.indexOf('@') <= LOCAL_PART && ADDRESS.test(address),
    'Must be an email address, such as ada@example.com',
  )
  .meta({ format: 'email', maxLength: 254 });
