import type { Transporter } from 'nodemailer';
import type { Logger } from 'pino';

export interface Mail {
  to: string;
  subject: string;
  text: string;
  /** An address of the dashboard, on a line below the text. */
  link: string;
}

export interface Mailer {
  /** Throws where the mail server does not take the mail. */
  send(mail: Mail): Promise<void>;
}

interface MailerOptions {
  /** `smtp://` or `smtps://`. `undefined`: the log gets each mail's address, subject and link. */
  smtpUrl: string | undefined;
  from: string;
  log: Pick<Logger, 'info'>;
}

/** Milliseconds that a mail server may take to answer. */
const TIMEOUTS = { connectionTimeout: 5_000, greetingTimeout: 5_000, socketTimeout: 10_000 } as const;

/** Makes a mailer: by SMTP or, without `smtpUrl`, with the links in the log, for the operator to hand on. */
export function createMailer({ smtpUrl, from, log }: MailerOptions): Mailer {
  if (smtpUrl === undefined) {
    return {
      async send({ to, subject, link }) {
        log.info({ to, subject, link }, 'mail is not set up (SMTP_URL): hand this link on yourself');
      },
    };
  }
  let transport: Transporter | undefined;
  return {
    async send({ to, subject, text, link }) {
      transport ??= (await import('nodemailer')).createTransport({ url: smtpUrl, ...TIMEOUTS });
      await transport.sendMail({ from, to, subject, text: `${text}\n\n${link}\n` });
    },
  };
}
