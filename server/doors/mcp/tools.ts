import type { z } from 'zod';
import type { ApiKey, Scope } from '../../../shared/apiKeys.ts';
import type { Contact, ContactPage, UpsertResult } from '../../../shared/contacts.ts';
import type { Organization } from '../../../shared/organizations.ts';
import { fault } from '../../http/errors.ts';
import { each, requireSome } from './each.ts';
import { explain, explainDescribed } from './explain.ts';
import * as schemas from './schemas.ts';

/** What a tool is run with: the procedures, as the key that calls. */
export interface Caller {
  query(procedure: string, input: object): Promise<unknown>;
  mutate(procedure: string, input: object): Promise<unknown>;
  /** How many calls the key may still make in this minute. */
  callsLeft(): number;
}

export interface Tool {
  name: string;
  title: string;
  description: string;
  /** Without it the key neither sees nor calls the tool. */
  scope?: Scope;
  hints: { readOnly?: true; destructive?: true; idempotent?: true };
  input: z.ZodObject;
  output: z.ZodObject;
  run(caller: Caller, input: never): Promise<object>;
}

/** A tool, with `run` typed by the schemas. */
const tool = <Input extends z.ZodObject, Output extends z.ZodObject>(
  definition: Omit<Tool, 'input' | 'output' | 'run'> & {
    input: Input;
    output: Output;
    run(caller: Caller, input: z.infer<Input>): Promise<z.input<Output> & object>;
  },
): Tool => definition as unknown as Tool;

/** Every tool. None issues or shows a key: an agent has the one that it was given. */
export const tools: readonly Tool[] = [
  tool({
    name: 'whoami',
    title: 'Who am I',
    description: 'The organization and API key that you act with: scopes, expiry, calls left this minute.',
    hints: { readOnly: true, idempotent: true },
    input: schemas.WhoamiInput,
    output: schemas.WhoamiOutput,
    async run(caller) {
      const { id, name, scopes, expiresAt } = (await caller.query('keys.current', {})) as ApiKey;
      const organization = (await caller.query('organization.current', {})) as Organization;
      return { organization, key: { id, name, scopes, expiresAt }, callsLeft: caller.callsLeft() };
    },
  }),
  tool({
    name: 'search_contacts',
    title: 'Search contacts',
    description:
      'Find contacts, newest first, as short rows. Without conditions it lists all. get_contacts has the rest of a contact.',
    scope: 'contacts:read',
    hints: { readOnly: true, idempotent: true },
    input: schemas.SearchInput,
    output: schemas.SearchOutput,
    async run(caller, { query, ...conditions }) {
      const { items, nextCursor } = (await caller.query('contacts.list', {
        search: query,
        ...conditions,
      })) as ContactPage;
      return { contacts: items.map(schemas.toRow), nextCursor };
    },
  }),
  tool({
    name: 'get_contacts',
    title: 'Get contacts',
    description: 'Whole contacts, by ids or emails, up to 100 in all.',
    scope: 'contacts:read',
    hints: { readOnly: true, idempotent: true },
    input: schemas.GetInput,
    output: schemas.GetOutput,
    async run(caller, { ids = [], emails = [] }) {
      const byId = await each(ids, (id) => caller.query('contacts.get', { id }) as Promise<Contact>);
      const byEmail = await each(emails, (email) => findByEmail(caller, email));
      const all = [...byId, ...byEmail];
      requireSome(all);
      return {
        contacts: all.flatMap(({ result }) => (result ? [schemas.toWhole(result)] : [])),
        missing: all.flatMap(({ of, error }) => (error === undefined ? [] : [{ asked: of, error: explain(error) }])),
      };
    },
  }),
  tool({
    name: 'create_contact',
    title: 'Create a contact',
    description: 'Create a contact. Emails are unique: a taken one fails, and says whose it is.',
    scope: 'contacts:write',
    hints: {},
    input: schemas.CreateInput,
    output: schemas.ContactOutput,
    run: writeContact('contacts.create'),
  }),
  tool({
    name: 'update_contact',
    title: 'Update a contact',
    description:
      'Change fields of a contact. Fields left out stay; null empties one; tags and customFields are replaced.',
    scope: 'contacts:write',
    hints: { destructive: true, idempotent: true },
    input: schemas.UpdateInput,
    output: schemas.ContactOutput,
    run: writeContact('contacts.update'),
  }),
  tool({
    name: 'upsert_contacts',
    title: 'Upsert contacts',
    description:
      'Create or update up to 100 contacts, matched by email; an outcome a row. With merge, nothing is emptied, and tags are added.',
    scope: 'contacts:write',
    hints: { destructive: true, idempotent: true },
    input: schemas.UpsertInput,
    output: schemas.UpsertOutput,
    async run(caller, input) {
      const { results } = (await caller.mutate('contacts.upsertMany', input)) as { results: UpsertResult[] };
      return { results: results.map(toRowOutcome) };
    },
  }),
  tool({
    name: 'delete_contacts',
    title: 'Delete contacts',
    description: 'Delete up to 100 contacts. restore_contacts undoes it: keep the ids.',
    scope: 'contacts:write',
    hints: { destructive: true, idempotent: true },
    input: schemas.IdsInput,
    output: schemas.IdsOutput,
    run: changeEach('contacts.delete'),
  }),
  tool({
    name: 'restore_contacts',
    title: 'Restore contacts',
    description: 'Undo the deletion of up to 100 contacts.',
    scope: 'contacts:write',
    hints: { idempotent: true },
    input: schemas.IdsInput,
    output: schemas.IdsOutput,
    run: changeEach('contacts.restore'),
  }),
];

async function findByEmail(caller: Caller, email: string): Promise<Contact> {
  const { items } = (await caller.query('contacts.list', { email, limit: 1 })) as ContactPage;
  const [contact] = items;
  if (!contact) throw fault('NOT_FOUND', { message: 'There is no contact with this email' });
  return contact;
}

/** Runs a procedure that writes one contact. */
function writeContact(procedure: string) {
  return async (caller: Caller, input: object) => ({
    contact: schemas.toRow((await caller.mutate(procedure, input)) as Contact),
  });
}

/** Runs a procedure for each id. */
function changeEach(procedure: string) {
  return async (caller: Caller, { ids }: { ids: string[] }) => {
    const outcomes = await each(ids, (id) => caller.mutate(procedure, { id }));
    requireSome(outcomes);
    return {
      results: outcomes.map(({ of, error }) =>
        error === undefined
          ? { id: of, outcome: 'done' as const }
          : { id: of, outcome: 'failed' as const, error: explain(error) },
      ),
    };
  };
}

function toRowOutcome(result: UpsertResult) {
  if (result.outcome !== 'failed') return result;
  const { index, outcome, error, issues } = result;
  return { index, outcome, error: explainDescribed('BAD_REQUEST', { success: false, error, details: { issues } }) };
}
