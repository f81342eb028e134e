import { z } from 'zod';
import { flawOfLine, isVisible } from './characters.ts';
import { isWithoutKey, line, soughtLine, WITHOUT_KEY } from './text.ts';

const NO_FACE = { error: 'Must have a visible character', abort: true };

/** The name of a contact: a single line of 1 to `most` characters, to keep. */
export const nameUpTo = (most: number) => line(most).refine(isVisible, NO_FACE);

/** The name of a person, an organization or a key: a single line of 1 to 100 characters, to keep. */
export const Name = nameUpTo(100);

/** As `Name`, where another check refuses a name with an API key in it. */
export const SoughtName = soughtLine(100)
  .refine(isVisible, NO_FACE)
  .refine((name) => flawOfLine(name) === undefined, { error: ({ input }) => flawOfLine(input as string) });

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
