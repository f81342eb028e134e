import { v4 as uuidv4 } from 'uuid';
import type { KeySecrets } from './keySecret.ts';
import { digestsOfText, digestText } from './textDigest.ts';

const PURPOSE = 'invitations.token_digest';

/** Makes the token that opens an invitation: a UUID of version 4, with 122 random bits. The database keeps the digest. */
export function mintInvitationToken(keySecrets: KeySecrets): { token: string; tokenDigest: string } {
  const token = uuidv4();
  return { token, tokenDigest: digestText(keySecrets[0], token, PURPOSE) };
}

/** The digests by which the database may know the invitation of a token. */
export const digestsOfInvitationToken = (keySecrets: KeySecrets, token: string) =>
  digestsOfText(keySecrets, token, PURPOSE);
