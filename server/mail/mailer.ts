import { createTransport } from 'nodemailer';
import type { Logger } from 'pino';

export interface Mail {
  to: string;
  subject: string;
  text: string;
  /** An address of the dashboard, under the text. */
  link: string;
}

export interface Mailer {
  /** Throws where the mail server does not take it. */
  send(mail: Mail): Promise<void>;
}

interface MailerOptions {
  /** `smtp://` or `smtps://`; without one, the log has what would have been sent. */
  smtpUrl: string | undefined;
  from: string;
  log: Logger;
}

/** Milliseconds that a mail server may take to answer. */
const TIMEOUTS = { connectionTimeout: 5_000, greetingTimeout: 5_000, socketTimeout: 10_000 } as const;

/** Sends mail by SMTP where that is set up, and else writes the links to the log, for the operator to hand on. */
export function createMailer({ smtpUrl, from, log }: MailerOptions): Mailer {
  if (smtpUrl === undefined) {
    return {
      async send({ to, subject, link }) {
        log.info({ to, subject, link }, 'mail is not set up (SMTP_URL): hand this link on yourself');
      },
    };
  }
  const transport = createTransport({ url: smtpUrl, ...TIMEOUTS });
  return {
    async send({ to, subject, text, link }) {
      await transport.sendMail({ from, to, subject, text: `${text}\n\n${link}\n` });
    },
  };
}
