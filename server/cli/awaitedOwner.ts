import { signVerificationToken } from '../auth/verificationToken.ts';
import { createMailer, type Mail } from '../mail/mailer.ts';
import { awaitedOwnerMail } from '../mail/messages.ts';
import type { Config } from '../start/config.ts';
import type { Store } from '../start/store.ts';

interface AwaitedOwner {
  userId: string;
  email: string;
  /** The name of the organization. */
  organization: string;
}

/** What became of the link by which an owner verifies their address. `link` is there where no mail has the link. */
export interface SentLink {
  sentTo: string | null;
  link?: string;
}

/** Sends an owner to be the link that verifies the address; without a mail server, the link is for the operator. */
export async function sendAwaitedOwner(
  { keySecrets }: Pick<Store, 'keySecrets'>,
  { smtpUrl, mailFrom, publicUrl }: Config,
  { userId, email, organization }: AwaitedOwner,
): Promise<SentLink> {
  const token = await signVerificationToken(keySecrets, { userId, email });
  const mail: Mail = awaitedOwnerMail({ email, token, organization, publicUrl });
  if (smtpUrl === undefined) return { sentTo: null, link: mail.link };
  try {
    await createMailer({ smtpUrl, from: mailFrom, log: { info() {} } }).send(mail);
    return { sentTo: email };
  } catch {
    // The organization is made already: the operator hands the link on.
    return { sentTo: null, link: mail.link };
  }
}

/** Says of an owner to be what they have to do, and where the link is. */
export function describeAwaited({ sentTo, link }: SentLink): string {
  const reason =
    'There is an account of this address already, and its address is not confirmed: it may be a stranger’s. Its person becomes the owner by confirming the address';
  return sentTo === null
    ? `${reason}, by the link below, which works for a day. No mail has the link: hand it on to the address itself\n  ${link}`
    : `${reason}, by the link that was mailed just now and works for a day`;
}
