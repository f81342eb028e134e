import { z } from 'zod';
import { MailAddress } from '../../shared/names.ts';
import { parseOptions } from './input.ts';

/** The option that names a person. */
export const EMAIL = ['--email <address>', "the email address of the person's account"] as const;

const Person = z.object({ email: MailAddress });

/** Reads `--email`. Throws a `CommandError`. */
export const parseEmail = (options: Record<string, unknown>) => parseOptions(Person, { email: options.email }).email;
