import { useQuery } from '@tanstack/react-query';
import { AccountError, auth } from './auth.ts';
import { withProof } from './proof.ts';

/** The host name that the service's passkeys belong to; empty where the service has no host name. */
const HOST = document.querySelector<HTMLMetaElement>('meta[name=passkey-host]')?.content ?? '';

/** The service has passkeys under the address of this page, and the browser knows passkeys. */
export const canUsePasskeys = HOST === window.location.hostname && 'PublicKeyCredential' in window;

/** The passkeys of the signed-in person. */
export const usePasskeys = () =>
  useQuery({ queryKey: ['passkeys'], queryFn: auth.listPasskeys, enabled: canUsePasskeys });

/** The library for passkeys, which a browser loads at the first use of a passkey. */
const load = () => import('@simplewebauthn/browser');

/** Signs a person in with a passkey that the browser lets them choose. Gives the person. */
export async function signInWithPasskey(): Promise<{ id: string }> {
  const [{ startAuthentication }, optionsJSON] = await Promise.all([load(), auth.beginPasskeySignIn()]);
  const response = await startAuthentication({ optionsJSON }).catch(explain);
  return (await auth.signInWithPasskey(response)).user;
}

/** Has the browser make a passkey, and gives the passkey's public half to the service. */
export async function addPasskey(name: string): Promise<void> {
  const [{ startRegistration }, optionsJSON] = await Promise.all([load(), withProof(auth.beginPasskey)]);
  const response = await startRegistration({ optionsJSON }).catch(explain);
  await auth.addPasskey(name, response);
}

export const removePasskey = (id: string) => withProof(() => auth.removePasskey(id));

/** Sentences for the errors of browsers (Web Authentication, sections 5.1.3 and 5.1.4), by name. */
const SENTENCES: Record<string, string> = {
  NotAllowedError: 'No passkey was given. Try again.',
  AbortError: 'No passkey was given. Try again.',
  InvalidStateError: 'This device has a passkey of yours already.',
  ConstraintError: 'This device cannot check who you are: a passkey needs a screen lock, a fingerprint or a PIN.',
};

function explain(error: unknown): never {
  const { name, message } = error as Error;
  throw new AccountError(0, SENTENCES[name] ?? `The browser cannot use a passkey here: ${message}`);
}
