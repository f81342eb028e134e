import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, expectTypeOf, test } from 'vitest';
import type {
  ApiKey,
  Contact,
  ContactInput,
  IntrozyClient,
  IntrozyError,
  RouterInputs,
  RouterOutputs,
} from '../../client/index.ts';
import type { ErrorCode } from '../../shared/errors.ts';

type Keys = RouterInputs['keys'];
type Contacts = RouterInputs['contacts'];
type Named = { organizationId?: string | undefined };
type Scopes = ('contacts:read' | 'contacts:write' | 'keys:manage')[];
type Direction = 'forward' | 'backward';
type State = 'active' | 'expired' | 'revoked';
type Environment = 'development' | 'staging' | 'production';
type Settings = {
  description?: string | null | undefined;
  environment?: Environment | null | undefined;
  selfRotate?: boolean | undefined;
  rateLimit?: number | null | undefined;
  allowedAddresses?: string[] | null | undefined;
  addressMode?: 'enforce' | 'report' | undefined;
};
type Fields = {
  email?: string | null | undefined;
  phone?: string | null | undefined;
  otherEmails?: string[] | null | undefined;
  otherPhones?: string[] | null | undefined;
  company?: string | null | undefined;
  title?: string | null | undefined;
  location?: string | null | undefined;
  linkedinUrl?: string | null | undefined;
  notes?: string | null | undefined;
  tags?: string[] | null | undefined;
  customFields?: Record<string, unknown> | undefined;
};
/** An intersection as a single object type: `toEqualTypeOf` treats the two as different. */
type Flat<T> = { [K in keyof T]: T[K] };
/** The type of an input that a call may omit. */
// biome-ignore lint/suspicious/noConfusingVoidType: it is how tRPC says that a call needs no argument
type Optional<T> = T | undefined | void;

// `vitest` strips the types of this file, so that only the compiler checks the types.
test('the types below hold', async () => {
  const root = resolve(import.meta.dirname, '../..');
  const compiler = resolve(root, 'node_modules/.bin/tsc');
  const { stdout } = await promisify(execFile)(compiler, ['-p', root, '--pretty', 'false'], { cwd: root }).catch(
    (error: { stdout: string }) => error,
  );
  expect(stdout.split('\n').filter((line) => /^(client\/|test\/client)/.test(line))).toEqual([]);
});

test('every procedure is there, as a query or a mutation, and no other', () => {
  expectTypeOf<keyof RouterInputs>().toEqualTypeOf<'keys' | 'contacts' | 'audit' | 'organization'>();
  type Methods<T> = { [K in keyof T]: keyof T[K] };
  expectTypeOf<Methods<IntrozyClient['keys']>>().toEqualTypeOf<
    Flat<
      Record<'current' | 'list' | 'get' | 'places' | 'usage', 'query'> &
        Record<'issue' | 'update' | 'rename' | 'rotate' | 'endGrace' | 'mintToken' | 'revoke', 'mutate'>
    >
  >();
  expectTypeOf<Methods<IntrozyClient['contacts']>>().toEqualTypeOf<
    Flat<
      Record<'list' | 'count' | 'tags' | 'get' | 'getMany', 'query'> &
        Record<'create' | 'update' | 'delete' | 'restore' | 'upsertMany' | 'updateMany', 'mutate'> &
        Record<'all' | 'upsertAll', never>
    >
  >();
  expectTypeOf<Methods<IntrozyClient['audit']>>().toEqualTypeOf<{ list: 'query' }>();
  expectTypeOf<Methods<IntrozyClient['organization']>>().toEqualTypeOf<{ current: 'query' }>();
});

test('the inputs of keys', () => {
  expectTypeOf<Keys['current']>().toEqualTypeOf<Optional<Named>>();
  expectTypeOf<Keys['list']>().toEqualTypeOf<
    Optional<
      Flat<
        Named & {
          limit?: number | undefined;
          cursor?: string | null | undefined;
          direction?: Direction | undefined;
          createdBy?: string | undefined;
          state?: State | undefined;
        }
      >
    >
  >();
  expectTypeOf<Keys['get']>().toEqualTypeOf<Flat<Named & { id: string }>>();
  expectTypeOf<Keys['places']>().toEqualTypeOf<Flat<Named & { id: string }>>();
  expectTypeOf<Keys['usage']>().toEqualTypeOf<Optional<Flat<Named & { id?: string | undefined }>>>();
  expectTypeOf<Keys['issue']>().toEqualTypeOf<
    Flat<Named & { name: string; expiresInDays?: number | undefined; scopes?: Scopes | undefined } & Settings>
  >();
  expectTypeOf<Keys['update']>().toEqualTypeOf<Flat<Named & { id: string; name?: string | undefined } & Settings>>();
  expectTypeOf<Keys['endGrace']>().toEqualTypeOf<Flat<Named & { id: string }>>();
  expectTypeOf<Keys['rename']>().toEqualTypeOf<Flat<Named & { id: string; name: string }>>();
  expectTypeOf<Keys['rotate']>().toEqualTypeOf<
    Flat<
      Named & {
        id: string;
        expiresInDays?: number | undefined;
        graceHours?: number | undefined;
        graceFrom?: 'now' | 'firstUse' | undefined;
      }
    >
  >();
  expectTypeOf<Keys['mintToken']>().toEqualTypeOf<
    Flat<Named & { expiresInMinutes: number; scopes?: ('contacts:read' | 'contacts:write')[] | undefined }>
  >();
  expectTypeOf<Keys['revoke']>().toEqualTypeOf<
    Flat<Named & { id: string; descendants?: 'revoke' | 'keep' | undefined; dryRun?: boolean | undefined }>
  >();
});

test('the inputs of contacts', () => {
  type Condition = {
    search?: string | undefined;
    tag?: string | undefined;
    tags?: string[] | undefined;
    email?: string | undefined;
    phone?: string | undefined;
    company?: string | undefined;
    ids?: string[] | undefined;
    createdSince?: Date | string | undefined;
    updatedSince?: Date | string | undefined;
    customField?: string | { name: string; value: string | number | boolean } | undefined;
    includeDeleted?: boolean | undefined;
  };
  type List = {
    limit?: number | undefined;
    cursor?: string | null | undefined;
    direction?: Direction | undefined;
    sort?: '-createdAt' | 'createdAt' | '-updatedAt' | 'updatedAt' | 'name' | undefined;
    fields?: (keyof Contact)[] | undefined;
  };
  type SentBack = {
    createdAt?: Date | string | undefined;
    updatedAt?: Date | string | undefined;
    deletedAt?: Date | string | null | undefined;
    version?: number | undefined;
  };
  type Version = { expectedVersion?: number | number[] | undefined };
  type Dry = { dryRun?: boolean | undefined };
  expectTypeOf<Contacts['list']>().toEqualTypeOf<Optional<Flat<Named & Condition & List>>>();
  expectTypeOf<Contacts['count']>().toEqualTypeOf<Optional<Flat<Named & Condition>>>();
  expectTypeOf<Contacts['get']>().toEqualTypeOf<Flat<Named & { id: string }>>();
  type Page = Omit<List, 'sort' | 'fields'>;
  expectTypeOf<Contacts['tags']>().toEqualTypeOf<Optional<Flat<Named & Page & { prefix?: string | undefined }>>>();
  type Tags = string[] | undefined;
  expectTypeOf<Contacts['updateMany']>().toEqualTypeOf<
    Flat<
      Named &
        Dry & {
          where: Flat<Omit<Condition, 'includeDeleted'>>;
          set?: Flat<Omit<Fields, 'email' | 'otherEmails'> & { name?: string | undefined }> | undefined;
          addTags?: Tags;
          removeTags?: Tags;
          delete?: boolean | undefined;
          restore?: boolean | undefined;
        }
    >
  >();
  expectTypeOf<Contacts['getMany']>().toEqualTypeOf<
    Flat<Named & { ids?: string[] | undefined; emails?: string[] | undefined }>
  >();
  expectTypeOf<Contacts['create']>().toEqualTypeOf<Flat<Named & Fields & Dry & { name: string }>>();
  expectTypeOf<Contacts['update']>().toEqualTypeOf<
    Flat<Named & Fields & Version & SentBack & Dry & { id: string; name?: string | undefined }>
  >();
  expectTypeOf<Contacts['delete']>().toEqualTypeOf<Flat<Named & Version & Dry & { id: string }>>();
  expectTypeOf<Contacts['restore']>().toEqualTypeOf<Flat<Named & Dry & { id: string }>>();
  type Row = Named & Fields & SentBack & { id?: string | undefined };
  expectTypeOf<Contacts['upsertMany']>().toEqualTypeOf<
    | Flat<Named & Dry & { contacts: Flat<Row & { name: string }>[]; merge?: boolean | undefined }>
    | Flat<Named & Dry & { contacts: Flat<Row & { name?: string | null | undefined }>[]; merge: true }>
  >();
  // What a program has read, it can write back.
  expectTypeOf<Contact>().toExtend<Contacts['update']>();
  expectTypeOf<Contact>().toExtend<ContactInput>();
});

test('the outputs', () => {
  type Page<T> = { items: T[]; nextCursor: string | null };
  type Outputs = { [K in keyof RouterOutputs]: Flat<RouterOutputs[K]> };
  expectTypeOf<Outputs['keys']>().toEqualTypeOf<
    Flat<
      Record<'rename' | 'update', ApiKey> &
        Record<'get' | 'endGrace', Flat<ApiKey & { secrets: Secret[] }>> &
        Record<'issue' | 'rotate', { key: string; apiKey: ApiKey }> & {
          list: Page<ApiKey>;
          current: Flat<ApiKey & { holder: Holder; token: { hint: string; scopes: Scopes; expiresAt: Date } | null }>;
          revoke: Flat<ApiKey & { descendants: ApiKey[] }>;
          places: { places: Place[]; proposedAddresses: string[] };
          usage: Usage;
          mintToken: { token: string; expiresAt: Date };
        }
    >
  >();
  expectTypeOf<Outputs['contacts']>().toEqualTypeOf<
    Flat<
      Record<'get' | 'create' | 'update' | 'delete' | 'restore', Contact> & {
        list: Page<Contact>;
        tags: Page<{ tag: string; count: number }>;
        getMany: { contacts: Contact[]; missing: Asked; unread: Asked };
        count: { count: number; isExact: boolean };
        upsertMany: { results: UpsertResult[] };
        updateMany: { matched: number; updated: number; unchanged: number; ids: string[] };
      }
    >
  >();
  type Asked = { ids: string[]; emails: string[] };
  type Holder = { id: string; name: string } | null;
  type Secret = {
    type: 'secret' | 'token';
    hint: string | null;
    scopes: Scopes;
    holder: Holder;
    createdAt: Date;
    expiresAt: Date;
    lastUsedAt: Date | null;
  };
  type Place = {
    address: string;
    userAgent: string;
    firstUsedAt: Date;
    lastUsedAt: Date;
    secrets: { hint: string; lastUsedAt: Date }[];
  };
  type Counts = { ok: number; clientError: number; limited: number; failed: number };
  type Usage = {
    from: string;
    to: string;
    keys: {
      id: string;
      name: string;
      hint: string;
      state: State;
      total: Counts;
      days: Flat<{ date: string } & Counts>[];
    }[];
  };
  type UpsertResult =
    | { index: number; outcome: 'created' | 'updated' | 'unchanged'; id: string; version: number }
    | {
        index: number;
        outcome: 'failed';
        error: string;
        issues: Issue[];
        details?: { ids?: string[] | undefined; deletedAt?: Date | undefined } | undefined;
      };
});

test('dates are dates, and what may be missing is null', () => {
  type Text = string | null;
  expectTypeOf<Contact>().toEqualTypeOf<{
    id: string;
    organizationId: string;
    name: string;
    email: Text;
    phone: Text;
    otherEmails: string[];
    otherPhones: string[];
    company: Text;
    title: Text;
    location: Text;
    linkedinUrl: Text;
    notes: Text;
    tags: string[];
    customFields: Record<string, unknown>;
    createdAt: Date;
    updatedAt: Date;
    deletedAt: Date | null;
    version: number;
  }>();
  expectTypeOf<ApiKey>().toEqualTypeOf<{
    id: string;
    organizationId: string;
    name: string;
    description: string | null;
    environment: Environment | null;
    selfRotate: boolean;
    rateLimit: number | null;
    allowedAddresses: string[];
    addressMode: 'enforce' | 'report';
    hint: string;
    scopes: Scopes;
    state: State;
    createdBy: { type: 'person' | 'key'; id: string; name: string };
    createdAt: Date;
    expiresAt: Date;
    lastUsedAt: Date | null;
    revokedAt: Date | null;
  }>();
});

test('a call takes its input and gives its output', () => {
  type List = IntrozyClient['contacts']['list']['query'];
  expectTypeOf<List>().toBeCallableWith();
  expectTypeOf<Contacts['list']>().toExtend<Parameters<List>[0]>();
  const listNames = (list: List) => list({ fields: ['name'], sort: 'name' });
  type Named = { id: string; name: string; version: number };
  expectTypeOf<Awaited<ReturnType<typeof listNames>>['items']>().toEqualTypeOf<Pick<Named, keyof Named>[]>();
  expectTypeOf<Awaited<ReturnType<List>>>().toEqualTypeOf<{ items: Contact[]; nextCursor: string | null }>();
  expectTypeOf<IntrozyClient['contacts']['get']['query']>().parameter(0).toEqualTypeOf<Contacts['get']>();
});

test('what is no input does not compile', () => {
  expectTypeOf<{ name: number }>().not.toExtend<Contacts['create']>();
  expectTypeOf<{ email: string }>().not.toExtend<Contacts['create']>();
  expectTypeOf<{ name: string }>().not.toExtend<Contacts['update']>();
  expectTypeOf<{ id: string; expectedVersion: string }>().not.toExtend<Contacts['update']>();
  expectTypeOf<{ name: string; scopes: string[] }>().not.toExtend<Keys['issue']>();
  expectTypeOf<{ limit: string }>().not.toExtend<Contacts['list']>();
  expectTypeOf<undefined>().not.toExtend<Contacts['get']>();
});

type Issue = { path: (string | number)[]; message: string };

test('an error has the code, the reason and the details', () => {
  expectTypeOf<
    Pick<IntrozyError, 'code' | 'status' | 'reason' | 'issues' | 'details' | 'requestId' | 'retryAfter'>
  >().toEqualTypeOf<{
    readonly code: ErrorCode | undefined;
    readonly status: number | undefined;
    readonly reason: string | undefined;
    readonly issues: Issue[];
    readonly details: {
      reason?: string | undefined;
      hint?: string | undefined;
      issues?: Issue[] | undefined;
      existingId?: string | undefined;
      id?: string | undefined;
      currentVersion?: number | undefined;
      deletedAt?: string | undefined;
      retryAfterSeconds?: number | undefined;
    };
    readonly requestId: string | undefined;
    readonly retryAfter: number | undefined;
  }>();
});
