import { Server } from '@modelcontextprotocol/server';
import { version } from '../version.ts';

const SERVER_INFO = { name: 'introzy', title: 'Introzy', version };

const INSTRUCTIONS =
  'The contacts of one organization, the one of the API key. Find contacts with search_contacts before you change them; ' +
  'change them from the version that you have read (expectedVersion). What is deleted can be restored.';

/** Milliseconds that a client may keep the list of tools: it changes with a key's scopes, which never change, and with us. */
const LIST_KEPT = 300_000;

/** A server of ours before it has handlers: what it is, and that it has tools. */
export const newServer = () =>
  new Server(SERVER_INFO, {
    capabilities: { tools: {} },
    instructions: INSTRUCTIONS,
    cacheHints: { 'tools/list': { ttlMs: LIST_KEPT, cacheScope: 'private' } },
  });
