import { AsyncLocalStorage } from 'node:async_hooks';
import type { DBAdapter, DBTransactionAdapter, Where } from 'better-auth';
import { DatabaseUnavailable } from '../../db/errors.ts';
import type { KeySecrets } from './keySecret.ts';
import { digestsOfText, digestText, isDigest } from './textDigest.ts';

/**
 * better-auth's fields that open something, by model, and the column as the purpose of the digest. better-auth can hash
 * identifiers, but under no key and no older secret, and has no option for tokens of sessions.
 */
const DIGESTED: Record<string, { field: string; purpose: string; isName: boolean }> = {
  session: { field: 'token', purpose: 'sessions.token', isName: true },
  verification: { field: 'identifier', purpose: 'verifications.identifier', isName: false },
};

/** A request to better-auth, as the adapter sees the request. */
export interface AccountsRequest {
  /** The token of the session whose cookie the request brings. */
  token: string | undefined;
  /** The hash of the password that the request has brought, once the password has proved right. */
  passwordHash?: string;
  /** The database was away for a query. better-auth takes some failures for an answer, such as "no session". */
  unavailable?: DatabaseUnavailable;
}
export const accountsRequest = new AsyncLocalStorage<AccountsRequest>();

/** A query of better-auth, of any kind. */
interface Query {
  model: string;
  where?: Where[] | undefined;
  data?: Record<string, unknown>;
  update?: Record<string, unknown>;
}
type Row = Record<string, unknown>;

/**
 * Stands between better-auth and its adapter, so that the database keeps digests of tokens and identifiers. better-auth
 * goes on with the texts that it knows:
 *
 * - A text that better-auth writes is digested under the first server secret. A row that is sought by a text is found by
 *   the text's digest under any server secret, and gets the digest under the first secret when it is updated.
 * - A row has the text instead of the digest where the query or the request's cookie tells the text. Of other sessions
 *   better-auth sees the digest in place of the token. The digest names the session, so that a person can end it, and
 *   is refused in a cookie (signedCookies.ts).
 * - The version before keeps texts. Such rows are found by the text, until db/plainTokens.ts digests them.
 */
export function digesting(adapter: DBAdapter, keySecrets: KeySecrets): DBAdapter {
  return {
    ...wrap(adapter, keySecrets),
    transaction: (work) => adapter.transaction((inner) => work(wrap(inner, keySecrets))),
  };
}

function wrap(adapter: DBTransactionAdapter, keySecrets: KeySecrets): DBAdapter {
  /** Sends a query with digests in place of texts, and gives the rows of the answer their texts. */
  const send = async (query: Query, run: (query: never) => Promise<unknown>): Promise<unknown> => {
    const digested = DIGESTED[query.model];
    if (!digested) return await run(query as never);
    const parts = { ...digested, keySecrets, texts: new Map<unknown, string>() };
    const answer = await run(translate(query, parts) as never);
    const token = query.model === 'session' ? accountsRequest.getStore()?.token : undefined;
    if (token !== undefined) note(parts, token);
    const reveal = (row: Row) => revealed(adapter, row, { ...parts, model: query.model });
    if (Array.isArray(answer)) return await Promise.all(answer.map(reveal));
    return typeof answer === 'object' && answer !== null ? await reveal(answer as Row) : answer;
  };
  const each = (name: Method) => (query: Query) =>
    send(query, (sent) => (adapter[name] as Run)(sent)).catch((error: unknown) => {
      const request = accountsRequest.getStore();
      if (request && error instanceof DatabaseUnavailable) request.unavailable = error;
      throw error;
    });
  const methods = Object.fromEntries(METHODS.map((name) => [name, each(name)]));
  return { ...adapter, ...methods } as unknown as DBAdapter;
}

const METHODS = [
  ...(['create', 'findOne', 'findMany', 'count', 'update', 'updateMany'] as const),
  ...(['delete', 'deleteMany', 'consumeOne', 'incrementOne'] as const),
];
type Method = (typeof METHODS)[number];
type Run = (query: never) => Promise<unknown>;

interface Digested {
  field: string;
  purpose: string;
  /** A row can be sought by its digest too. */
  isName: boolean;
  keySecrets: KeySecrets;
  /** The texts that are known, by the forms in which the database may keep each. */
  texts: Map<unknown, string>;
}

/** Notes the text under each form in which the database may keep the text, and gives the forms. */
function note({ purpose, keySecrets, texts }: Omit<Digested, 'field' | 'isName'>, text: string): string[] {
  // No row keeps a text in clear that has the form of a digest: whoever has read a digest must not find its row.
  const forms = [...digestsOfText(keySecrets, text, purpose), ...(isDigest(text) ? [] : [text])];
  for (const form of forms) texts.set(form, text);
  return forms;
}

function translate(query: Query, digested: Digested): Query {
  const { field, purpose, isName, keySecrets, texts } = digested;
  const digest = (values: Row) => {
    const text = values[field];
    if (typeof text !== 'string') return values;
    note(digested, text);
    return { ...values, [field]: digestText(keySecrets[0], text, purpose) };
  };
  const where = query.where?.map((condition) => {
    if (condition.field !== field) return condition;
    const { operator = 'eq', value } = condition;
    if (operator !== 'eq' && operator !== 'in') throw new Error(`A digest cannot be compared by ${operator}`);
    const formsOf = (text: string) => (isName && isDigest(text) ? [text] : note(digested, text));
    const forms = [value].flat().flatMap((text) => formsOf(`${text}`));
    return { ...condition, operator: 'in' as const, value: forms };
  });
  const sought = new Set(texts.values());
  const [text] = sought.size === 1 ? sought : [];
  // Under a single server secret no digest has to move, and the version before goes on knowing its sessions.
  const moves = keySecrets.length > 1 && query.update !== undefined && text !== undefined;
  const moved = moves ? { [field]: text, ...query.update } : query.update;
  return {
    ...query,
    ...(where && { where }),
    ...(query.data && { data: digest(query.data) }),
    ...(moved && { update: digest(moved) }),
  };
}

async function revealed(
  adapter: DBTransactionAdapter,
  row: Row,
  { field, purpose, keySecrets, texts, model }: Digested & { model: string },
) {
  const kept = row[field];
  if (typeof kept !== 'string') return row;
  const text = texts.get(kept);
  if (text !== undefined) return { ...row, [field]: text };
  if (isDigest(kept)) return row;
  // A row of the version before, which the caller did not name: the caller must not learn the text.
  const digest = digestText(keySecrets[0], kept, purpose);
  await adapter.update({ model, where: [{ field: 'id', value: row.id as string }], update: { [field]: digest } });
  return { ...row, [field]: digest };
}
