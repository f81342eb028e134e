import { createHash } from 'node:crypto';
import { type RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';
import { toAccountAddress } from '../../shared/text.ts';

/** The most mails of a kind to an address, and the seconds in which they are counted. */
export const MAILS_OF_ADDRESS = { points: 20, duration: 3_600 } as const;

/**
 * What a mail is about. Each kind is counted on its own: a stranger who has an address invited, or signs up with it again
 * and again, keeps no password reset from its person.
 */
export type MailKind = 'invitation' | 'reset' | 'verification' | 'existing account';

export interface MailLimiters {
  /** Counts the mails to each address, of all organizations together. */
  mailsOfAddress: RateLimiterAbstract;
}

/** Keeps strangers from filling somebody's mailbox through the service. */
export interface MailCap {
  /** Counts a mail. Gives the seconds to wait where the address has got its mails of the hour; else `undefined`. */
  count(kind: MailKind, address: string): Promise<number | undefined>;
  /** Takes a mail back that is not sent after all. */
  giveBack(kind: MailKind, address: string): Promise<void>;
}

export function createMailCap({ mailsOfAddress }: MailLimiters): MailCap {
  // Redis keeps no address.
  const nameOf = (kind: MailKind, address: string) =>
    createHash('sha256')
      .update(`${kind} ${toAccountAddress(address)}`)
      .digest('base64url');
  return {
    async count(kind, address) {
      try {
        await mailsOfAddress.consume(nameOf(kind, address));
        return undefined;
      } catch (refused) {
        if (!(refused instanceof RateLimiterRes)) throw refused;
        return Math.max(Math.ceil(refused.msBeforeNext / 1000), 1);
      }
    },
    async giveBack(kind, address) {
      await mailsOfAddress.reward(nameOf(kind, address));
    },
  };
}
