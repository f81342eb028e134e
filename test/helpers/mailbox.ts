import type { Mail } from '../../server/mail/mailer.ts';

/** Collects mails in place of a mail server. */
export function mailbox() {
  const mails: Mail[] = [];
  return { mails, send: async (mail: Mail) => void mails.push(mail) };
}

/** The HTTP status of a tRPC call that must fail. */
export const failure = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: { data?: { httpStatus: number; details?: object } }) => error.data?.httpStatus,
  );
