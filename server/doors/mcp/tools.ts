import { z } from 'zod';
import type { ContactUpsertInput, UpsertResult } from '../../../shared/contacts.ts';
import { issuesOf } from '../../../shared/errors.ts';
import { fault } from '../../http/errors.ts';
import type { InputOf, OutputOf, ProcedurePath } from '../../procedures/call.ts';
import { each, requireSome } from './each.ts';
import { explain, explainDescribed } from './explain.ts';
import * as schemas from './schemas.ts';

/** Calls procedures with the key that calls the tool. */
export interface Caller {
  call<Path extends ProcedurePath>(path: Path, input: InputOf<Path>): Promise<OutputOf<Path>>;
  /** Calls that the key may still make in this minute. */
  callsLeft(): number;
}

interface ToolDefinition {
  name: string;
  title: string;
  description: string;
  /** The procedure behind the tool. A key without the procedure's scope neither sees nor calls the tool. */
  procedure: ProcedurePath;
  hints: { readOnly?: true; destructive?: true; idempotent?: true };
}

export interface Tool extends ToolDefinition {
  input: z.ZodObject;
  output: z.ZodObject;
  /** Throws 400 where `given` is not the tool's input. */
  run(caller: Caller, given: unknown): Promise<object>;
}

/** A tool whose `run` is typed by its schemas. */
const tool = <Input extends z.ZodObject, Output extends z.ZodObject>(
  definition: ToolDefinition & {
    input: Input;
    output: Output;
    run(caller: Caller, input: z.output<Input>): Promise<z.input<Output>>;
  },
): Tool => ({
  ...definition,
  run: (caller, given) => definition.run(caller, parseArguments(definition.input, given)),
});

function parseArguments<Input extends z.ZodObject>(input: Input, given: unknown): z.output<Input> {
  const { success, data, error } = z.safeParse(input, given ?? {});
  if (success) return data;
  throw fault('BAD_REQUEST', { details: { issues: issuesOf(error) } });
}

/** Every tool. No tool issues or shows a key: an agent has the key that a person gave. */
export const tools: readonly Tool[] = [
  tool({
    name: 'whoami',
    title: 'Who am I',
    description:
      'The organization and API key that you act with: scopes, expiry, whose key it is, calls left this minute.',
    procedure: 'keys.current',
    hints: { readOnly: true, idempotent: true },
    input: schemas.WhoamiInput,
    output: schemas.WhoamiOutput,
    async run(caller) {
      const { id, name, holder, token, ...key } = await caller.call('keys.current', {});
      const organization = await caller.call('organization.current', {});
      // A token has scopes and an expiry of its own.
      const { scopes, expiresAt } = token ?? key;
      return { organization, key: { id, name, scopes, expiresAt, holder }, callsLeft: caller.callsLeft() };
    },
  }),
  tool({
    name: 'search_contacts',
    title: 'Search contacts',
    description:
      'Find contacts, newest first or by sort, as short rows; without conditions, all. get_contacts has the rest.',
    procedure: 'contacts.list',
    hints: { readOnly: true, idempotent: true },
    input: schemas.SearchInput,
    output: schemas.SearchOutput,
    async run(caller, { query: search, cursor, limit, sort, count, ...others }) {
      const conditions = { search, ...others };
      const { items, nextCursor } = await caller.call('contacts.list', { ...conditions, cursor, limit, sort });
      const matches = count ? { matches: await caller.call('contacts.count', conditions) } : {};
      return { contacts: items.map(schemas.toRow), nextCursor, ...matches };
    },
  }),
  tool({
    name: 'get_contacts',
    title: 'Get contacts',
    description: 'Whole contacts, by ids or emails, up to 100 in all.',
    procedure: 'contacts.getMany',
    hints: { readOnly: true, idempotent: true },
    input: schemas.GetInput,
    output: schemas.GetOutput,
    async run(caller, input) {
      const { contacts, ...others } = await caller.call('contacts.getMany', input);
      return { contacts: contacts.map(schemas.toWhole), ...others };
    },
  }),
  tool({
    name: 'list_tags',
    title: 'List tags',
    description: 'The tags in use and how many contacts have each, most used first.',
    procedure: 'contacts.tags',
    hints: { readOnly: true, idempotent: true },
    input: schemas.TagsInput,
    output: schemas.TagsOutput,
    async run(caller, input) {
      const { items, nextCursor } = await caller.call('contacts.tags', input);
      return { tags: items, nextCursor };
    },
  }),
  tool({
    name: 'create_contact',
    title: 'Create a contact',
    description: 'Create a contact. Emails are unique: a taken one fails, and says whose it is.',
    procedure: 'contacts.create',
    hints: {},
    input: schemas.CreateInput,
    output: schemas.ContactOutput,
    run: async (caller, input) => ({ contact: schemas.toRow(await caller.call('contacts.create', input)) }),
  }),
  tool({
    name: 'update_contact',
    title: 'Update a contact',
    description:
      'Change fields of a contact. Fields left out stay; null empties one; tags are replaced; customFields are patched: null takes one away.',
    procedure: 'contacts.update',
    hints: { destructive: true, idempotent: true },
    input: schemas.UpdateInput,
    output: schemas.ContactOutput,
    run: async (caller, input) => ({ contact: schemas.toRow(await caller.call('contacts.update', input)) }),
  }),
  tool({
    name: 'update_contacts',
    title: 'Update many contacts',
    description:
      'Change all contacts that meet conditions (up to 10,000), or none. dryRun first. delete and restore go alone.',
    procedure: 'contacts.updateMany',
    hints: { destructive: true, idempotent: true },
    input: schemas.UpdateManyInput,
    output: schemas.UpdateManyOutput,
    async run(caller, { where: { query, ...conditions }, ...change }) {
      const where = { search: query, ...conditions };
      const { ids, ...counts } = await caller.call('contacts.updateMany', { ...change, where });
      return { ...counts, ids: ids.slice(0, schemas.SHOWN_IDS) };
    },
  }),
  tool({
    name: 'upsert_contacts',
    title: 'Upsert contacts',
    description:
      'Create or update up to 100 contacts, matched by id, any email, or LinkedIn address; an outcome a row. With merge, nothing is emptied, and tags are added.',
    procedure: 'contacts.upsertMany',
    hints: { destructive: true, idempotent: true },
    input: schemas.UpsertInput,
    output: schemas.UpsertOutput,
    async run(caller, input) {
      const { results } = await caller.call('contacts.upsertMany', input as ContactUpsertInput);
      return { results: results.map(toRowOutcome) };
    },
  }),
  tool({
    name: 'delete_contacts',
    title: 'Delete contacts',
    description: 'Delete up to 100 contacts. restore_contacts undoes it: keep the ids.',
    procedure: 'contacts.delete',
    hints: { destructive: true, idempotent: true },
    input: schemas.IdsInput,
    output: schemas.IdsOutput,
    run: changeEach('contacts.delete'),
  }),
  tool({
    name: 'restore_contacts',
    title: 'Restore contacts',
    description: 'Undo the deletion of up to 100 contacts.',
    procedure: 'contacts.restore',
    hints: { idempotent: true },
    input: schemas.IdsInput,
    output: schemas.IdsOutput,
    run: changeEach('contacts.restore'),
  }),
];

/** Runs a procedure for each id, one after the other. */
function changeEach(procedure: 'contacts.delete' | 'contacts.restore') {
  return async (caller: Caller, { ids, dryRun }: { ids: string[]; dryRun?: boolean | undefined }) => {
    const outcomes = await each(ids, (id) => caller.call(procedure, { id, dryRun }));
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
  const { index, outcome, error, issues, details } = result;
  return {
    index,
    outcome,
    ids: details?.ids,
    error: explainDescribed('BAD_REQUEST', { success: false, error, details: { issues } }),
  };
}
