import { base32 } from '@better-auth/utils/base32';
import { expect } from 'vitest';
import { isDigest } from '../../server/auth/textDigest.ts';
import type { createApp } from '../../server/doors/app.ts';
import type { Mail, Mailer } from '../../server/mail/mailer.ts';
import { type Opened, runAsAdmin } from './tables.ts';

/** A kind of secret that opens something, other than API keys, which canaries.ts watches. */
type Kind = 'password' | 'cookie' | 'link' | 'seed' | 'recovery' | 'other';

/** Every secret that the running test file has seen, with its kind. */
const seen = new Map<string, Kind>();
/** Shorter or simpler texts, such as the password "a new password", may be in a database or a log by chance. */
const LEAST = { length: 16, different: 5 };
/** Random, and so in no text by chance: `aB3dE-fGh1J`. */
const RECOVERY_CODE = /^\w{5}-\w{5}$/;

/**
 * Adds a secret: at the end of each test, no database may hold the secret. What the apps of testApp() take and give is
 * added without a call, if a list below names its field, cookie or link.
 */
export function noteSecret(kind: Kind, secret: string) {
  // A digest names a session and opens nothing.
  const isShort = secret.length < LEAST.length || new Set(secret).size < LEAST.different;
  if ((isShort && !RECOVERY_CODE.test(secret)) || isDigest(secret)) return;
  if (!seen.has(secret)) seen.set(secret, kind);
}

/** The fields that hold secrets, alone or in a list, in requests to these paths that succeed. */
const ASKING = /^\/api\/auth\/(sign-in|sign-up|change-password|reset-password)/;
const ASKED: Record<string, Kind> = { password: 'password', newPassword: 'password', currentPassword: 'password' };
/** The same in answers below `/api/auth`. */
const ANSWERED: Record<string, Kind> = { token: 'other', secret: 'other', backupCodes: 'recovery', totpURI: 'seed' };
/** The secrets in the links of mails. */
const LINKS = [/[?&]token=([^&#]+)/];

/** Watches the requests and the answers of an app. */
export function watchSecrets(app: Pick<ReturnType<typeof createApp>, 'fetch'>) {
  const { fetch } = app;
  app.fetch = async (request, ...rest) => {
    const { pathname } = new URL(request.url);
    const asked = ASKING.test(pathname) ? await textOf(request.clone()) : '';
    const response = await fetch(request, ...rest);
    for (const line of response.headers.getSetCookie()) noteCookie(line);
    if (response.ok) noteFields(asked, ASKED);
    if (pathname.startsWith('/api/auth/')) noteFields(await textOf(response.clone()), ANSWERED);
    return response;
  };
}

/** The same mailer, whose mails are watched. */
export const watchMails = ({ send }: Mailer): Mailer => ({
  send: async (mail: Mail) => {
    for (const link of LINKS) noteSecret('link', decodeURIComponent(link.exec(mail.link)?.[1] ?? ''));
    await send(mail);
  },
});

/** A body that a test breaks off cannot be read. */
const textOf = (body: Request | Response) => body.text().catch(() => '');

/** Notes the value of a signed cookie: `introzy_session=value.signature`. */
function noteCookie(line: string) {
  const [, value = ''] = /^[^=]+=([^;]*)/.exec(line) ?? [];
  const [, signed = ''] = /^(.+)\.[\w+/]{43}=$/s.exec(decodeURIComponent(value)) ?? [];
  noteSecret('cookie', signed);
}

/** The seed in the address that an authenticator app reads from a picture, in base32. */
const seedOf = (uri: string) => new URL(uri).searchParams.get('secret') ?? '';

/** An address is no secret, also where a test sends the address as a password. */
function noteFields(text: string, fields: Record<string, Kind>) {
  try {
    JSON.parse(text, (name, value) => {
      const kind = fields[name];
      if (!kind) return value;
      if (kind === 'seed') {
        noteSecret(kind, seedOf(value));
        noteSecret(kind, Buffer.from(base32.decode(seedOf(value))).toString());
      } else
        for (const each of [value].flat()) if (typeof each === 'string' && !each.includes('@')) noteSecret(kind, each);
      return value;
    });
  } catch {
    // Not JSON.
  }
}

/** Checks that `text` holds no secret, of `kinds` if given: neither in clear, nor in hexadecimal, nor in base64. */
export function expectNoSecretIn(text: string, where: string, kinds?: readonly Kind[]) {
  for (const [secret, kind] of seen) {
    if (kinds && !kinds.includes(kind)) continue;
    const bytes = Buffer.from(secret);
    const whole = bytes.subarray(0, bytes.length - (bytes.length % 3));
    for (const form of [secret, bytes.toString('hex'), whole.toString('base64'), whole.toString('base64url')]) {
      if (text.includes(form))
        expect.fail(`${where} holds a secret (${kind}) ${JSON.stringify(secret)}: ${near(text, form)}`);
    }
  }
}
const near = (text: string, form: string) => {
  const at = text.indexOf(form);
  return text.slice(Math.max(at - 200, 0), at + form.length + 100);
};

/** Forgets the secrets: files of the same process have databases of their own. */
export const forgetSecrets = () => seen.clear();

/** The kinds of secrets that the test file has seen so far. */
export const kindsSeen = () => [...new Set(seen.values())].sort();

/** Every row of every table, also of tables that no helper knows, as JSON. */
export async function readAllRows(opened: Opened): Promise<string> {
  const tables = await runAsAdmin(
    opened,
    `select quote_ident(table_name) as name from information_schema.tables
      where table_schema = 'public' and table_type = 'BASE TABLE' order by 1`,
  );
  const all = tables.map(({ name }) => `select '${name} ' || to_jsonb(t)::text as row from ${name} t`);
  return (await runAsAdmin(opened, all.join(' union all '))).map(({ row }) => row).join('\n');
}
