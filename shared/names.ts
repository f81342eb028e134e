import { z } from 'zod';
import { isWithoutKey, line, soughtLine, WITHOUT_KEY } from './text.ts';

/**
 * A character that a reader sees. Not: blanks, controls, marks without a letter, and characters that most fonts leave
 * out, such as the Hangul filler (U+3164) and the empty braille pattern (U+2800).
 */
const VISIBLE = /[^\p{C}\p{Z}\p{M}\p{Default_Ignorable_Code_Point}\u2800]/u;
/** Controls, among them U+0085, and the other ends of lines. */
const CONTROL = /[\p{Cc}\u2028\u2029]/u;
/**
 * The characters that turn the direction of the text that follows: embeddings, overrides and isolates (Unicode Standard
 * Annex 9, explicit formatting). The marks U+200E, U+200F and U+061C are none of these: names in Hebrew and Arabic have
 * them. A mark alone is not visible.
 */
const OVERRIDE = /[\u202A-\u202E\u2066-\u2069]/u;

/** The checks see the name as it is kept: trimmed. So an end of a line after the name is taken off, and not refused. */
const named = <Schema extends z.ZodType<string>>(schema: Schema) =>
  schema
    .refine((name) => VISIBLE.test(name), { error: 'Must have a visible character', abort: true })
    .refine((name) => !CONTROL.test(name), {
      error: 'Must be a single line, without control characters',
      abort: true,
    })
    .refine(
      (name) => !OVERRIDE.test(name),
      'Must not turn the direction of the text: take out the bidirectional controls',
    );

/** The name of a person, an organization or a key: trimmed, 1 to 100 characters, to keep. */
export const Name = named(line(100));

/** As `Name`, where another check refuses a name with an API key in it. */
export const SoughtName = named(soughtLine(100));

/** Bytes of an address, and of its part before the @ (RFC 5321, section 4.5.3.1). */
const MOST = { address: 254, localPart: 64 } as const;
/** A domain's labels: at most 63 characters, no hyphen at an end (RFC 1035, section 2.3.4). */
const DOMAIN = /@(?:(?!-)[a-z\d-]{1,63}(?<!-)\.)+[a-z]{2,63}$/;

/**
 * An address that mail is sent to: an account's or an invitation's. ` Ada@Example.com` → `ada@example.com`. Zod's rule,
 * by which better-auth signs people in, and a mail server's limits. A host without a domain, such as `ada@localhost`, and
 * an IP address are refused.
 */
export const MailAddress = z
  .string()
  .trim()
  .toLowerCase()
  .refine(isWithoutKey, { error: WITHOUT_KEY, abort: true })
  .refine(
    (address) =>
      z.email().safeParse(address).success &&
      address.length <= MOST.address &&
      address.indexOf('@') <= MOST.localPart &&
      DOMAIN.test(address),
    'Must be an email address, such as ada@example.com',
  )
  .meta({ format: 'email', maxLength: MOST.address });
