import { randomUUID } from 'node:crypto';
import { createTRPCClient, httpLink } from '@trpc/client';
import { hashPassword } from 'better-auth/crypto';
import { insertUser } from '../../db/accounts.ts';
import { asOperator } from '../../db/admission.ts';
import { insertMember } from '../../db/members.ts';
import type { AppRouter } from '../../server/procedures/router.ts';
import type { Role } from '../../shared/people.ts';
import { transformer } from '../../shared/transformer.ts';
import { noteSecret } from './secretsSeen.ts';
import type { TestApp } from './testApp.ts';

export const PASSWORD = 'correct horse battery staple';
/** The digest of `PASSWORD`. The hash is slow on purpose, so that all accounts share one digest. */
let passwordHash: Promise<string> | undefined;

export interface TestPerson {
  userId: string;
  email: string;
}

/** Makes an account with `PASSWORD`. The account is in no organization. */
export async function addPerson(app: TestApp, name = 'person'): Promise<TestPerson> {
  const email = `${name}-${randomUUID()}@example.com`;
  noteSecret('password', PASSWORD);
  const { id: userId } = await insertUser(app.db.root, {
    email,
    passwordHash: await (passwordHash ??= hashPassword(PASSWORD)),
  });
  return { userId, email };
}

/** Makes an account with `PASSWORD`, and a membership of the organization. */
export async function addMember(app: TestApp, organizationId: string, role: Role = 'member'): Promise<TestPerson> {
  const person = await addPerson(app, role);
  await insertMember(asOperator(app.db, organizationId), { organizationId, userId: person.userId, role });
  return person;
}

/** Acts as a page of the service in a browser: keeps cookies, and sends the `Origin` that a browser would send. */
export function openBrowser(app: Pick<TestApp, 'app'>, origin = 'http://localhost') {
  const cookies = new Map<string, string>();
  const send = async (path: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers);
    if (cookies.size > 0 && !headers.has('cookie')) {
      headers.set('cookie', [...cookies].map((cookie) => cookie.join('=')).join('; '));
    }
    const response = await app.app.request(`${origin}${path}`, { ...init, headers });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/max-age=0(;|$)/i.test(line) || value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    return response;
  };
  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await send(path, {
      method,
      headers: { ...(method !== 'GET' && { origin, 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    // biome-ignore lint/suspicious/noExplicitAny: an answer of any route
    return { status: response.status, headers: response.headers, text, body: parse(text) as any };
  };
  return {
    cookies,
    call,
    /** Calls a route of better-auth below `/api/auth`. */
    account: (path: string, body: unknown = {}) => call('POST', `/api/auth${path}`, body),
    async signIn(email: string, password = PASSWORD) {
      return await call('POST', '/api/auth/sign-in/email', { email, password });
    },
    trpc: createTRPCClient<AppRouter>({
      links: [
        httpLink({
          url: '/trpc',
          transformer,
          headers: { origin },
          fetch: (input, init) => send(String(input), init as RequestInit),
        }),
      ],
    }),
  };
}

export type Browser = ReturnType<typeof openBrowser>;

/** A browser in which a person is signed in. */
export async function signedIn(app: TestApp, { email }: { email: string }, password = PASSWORD): Promise<Browser> {
  const browser = openBrowser(app);
  const { status, text } = await browser.signIn(email, password);
  if (status !== 200) throw new Error(`Not signed in: ${text}`);
  return browser;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
