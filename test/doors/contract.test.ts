import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { procedures } from '../../server/procedures/call.ts';
import { ERRORS } from '../../shared/errors.ts';
import { IDEMPOTENCY_KEY_FORM } from '../../shared/idempotencyKey.ts';
import { encodeCursor } from '../../shared/paging.ts';
import { addMember, type Browser, signedIn } from '../helpers/browser.ts';
import { allBut, CASES, FOR_PEOPLE, inputOf, makeTargets, type Targets } from '../helpers/cases.ts';
import { DOORS, isThrough, type Outcome, walk } from '../helpers/contract.ts';
import { type DoorRequest, type Input, readAnswer, requestsOf } from '../helpers/doors.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

/** A request, and the outcome that every door must give. */
interface ContractCase {
  procedure: string;
  /** The key of the call. By default a key with all scopes. */
  as?: (app: TestApp) => Promise<string | undefined>;
  input: (targets: Targets, app: TestApp) => Input | Promise<Input>;
  expected: Outcome | ((targets: Targets) => Outcome);
  /** Doors that have no way to ask this, or of which another test asks it. */
  notOver?: string[];
}

const NONE = '01890000-0000-7000-8000-000000000000';
const failure = (code: keyof typeof ERRORS, details?: object, message: string = ERRORS[code].message): Outcome => ({
  status: ERRORS[code].status,
  error: message,
  details,
});
const issue = (path: string, message: string) => failure('BAD_REQUEST', { issues: [{ path: [path], message }] });
const isDeleted = failure(
  'NOT_FOUND',
  { deletedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) },
  'The contact is deleted: restore it first',
);
const keyWith = async (app: TestApp, scopes: ReturnType<typeof allBut>) =>
  (await app.issue(app.one.id, { scopes })).key;
const revoked = async (app: TestApp) => {
  const { key, apiKey } = await app.issue(app.one.id);
  await app.trpc(key).keys.revoke.mutate({ id: apiKey.id });
  return key;
};
const theirs = async (app: TestApp) => (await app.trpc(app.other.key).contacts.create.mutate({ name: 'Theirs' })).id;

/**
 * For every procedure that a key may call: calls with a revoked key, and without the scope. matrix.test.ts makes the
 * same calls over REST, and reads the whole answers.
 */
const OF_EACH: Record<string, ContractCase> = Object.fromEntries(
  Object.entries(CASES).flatMap(([procedure, { scope, ...given }]): [string, ContractCase][] => [
    [
      `${procedure}, by a key that is revoked`,
      {
        procedure,
        as: revoked,
        input: (targets) => inputOf(given, targets),
        expected: failure('UNAUTHORIZED', { reason: 'API key has been revoked' }),
        notOver: ['REST'],
      },
    ],
    ...(scope
      ? [
          [
            `${procedure}, by a key without ${scope}`,
            {
              procedure,
              as: (app: TestApp) => keyWith(app, allBut(scope)),
              input: (targets: Targets) => inputOf(given, targets),
              expected: failure('FORBIDDEN', { reason: `The API key lacks the scope ${scope}` }),
              notOver: ['REST'],
            },
          ] satisfies [string, ContractCase],
        ]
      : []),
  ]),
);

const FAILURES: Record<string, ContractCase> = {
  ...OF_EACH,
  'a contact without a name': {
    procedure: 'contacts.create',
    input: () => ({ name: '  ' }),
    expected: issue('name', 'Must be 1 to 500 characters'),
  },
  'a contact whose email is none': {
    procedure: 'contacts.update',
    input: ({ contact }) => ({ id: contact, email: 'nobody' }),
    expected: issue('email', 'Not an email address'),
  },
  'a field that does not exist': {
    procedure: 'contacts.create',
    input: () => ({ name: 'Ada', emial: 'ada@example.com' }),
    expected: issue('emial', 'There is no field "emial" here: leave it out'),
  },
  'a page of nothing': {
    procedure: 'contacts.list',
    input: () => ({ limit: 0 }),
    expected: issue('limit', 'Must be at least 1'),
  },
  'a cursor that is none': {
    procedure: 'contacts.list',
    input: () => ({ cursor: 'elsewhere' }),
    expected: issue(
      'cursor',
      'Not a cursor of this list: take the `nextCursor` of the page before, or begin without a cursor',
    ),
  },
  'a cursor of another sort': {
    procedure: 'contacts.list',
    input: () => ({ sort: 'name', cursor: encodeCursor(NONE) }),
    expected: issue(
      'cursor',
      'The cursor is of the sort -createdAt: send that sort with it, or begin without a cursor',
    ),
  },
  'a list of a contact of another organization': {
    procedure: 'contacts.list',
    input: async (_, app) => ({ ids: [NONE, await theirs(app)] }),
    expected: failure('FORBIDDEN'),
    notOver: ['MCP'],
  },
  'a count of a contact of another organization': {
    procedure: 'contacts.count',
    input: async (_, app) => ({ ids: [await theirs(app)] }),
    expected: failure('FORBIDDEN'),
    notOver: ['MCP'],
  },
  'a date that is none': {
    procedure: 'contacts.count',
    input: () => ({ createdSince: '2026-02-30T00:00:00Z' }),
    expected: issue('createdSince', 'Give a date and time with its offset, as in RFC 3339: 2026-11-24T09:30:00Z'),
  },
  'a phone without digits': {
    procedure: 'contacts.list',
    input: () => ({ phone: 'phone' }),
    expected: issue('phone', 'Give the digits of the number'),
  },
  'a custom field without a value': {
    procedure: 'contacts.list',
    input: () => ({ customField: 'plan' }),
    expected: issue(
      'customField',
      'Give a name and a value, a text, a number or a boolean: plan:pro, or {"name":"plan","value":"pro"}',
    ),
  },
  'no id': {
    procedure: 'contacts.get',
    input: () => ({}),
    expected: issue('id', 'Required'),
    notOver: ['MCP', 'REST'],
  },
  'an id that is none': {
    procedure: 'contacts.get',
    input: () => ({ id: 'none' }),
    expected: issue('id', 'Not a UUID'),
  },
  'a change of many without a condition': {
    procedure: 'contacts.updateMany',
    input: () => ({ where: {}, delete: true }),
    expected: issue('where', 'Give at least one condition: `updatedSince` with an early date is every contact'),
  },
  'a change of many whose emails would be the same': {
    procedure: 'contacts.updateMany',
    input: () => ({ where: { tag: 'a' }, set: { email: 'ada@example.com' } }),
    expected: failure('BAD_REQUEST', {
      issues: [{ path: ['set', 'email'], message: 'An email is a single contact’s: change emails contact by contact' }],
    }),
  },
  'one id too many': {
    procedure: 'contacts.getMany',
    input: () => ({ ids: Array(60).fill(NONE), emails: Array(41).fill('ada@example.com') }),
    expected: failure('BAD_REQUEST', { issues: [{ path: [], message: 'Give 1 to 100 ids and emails in all' }] }),
  },
  'one of many that is another organization’s': {
    procedure: 'contacts.getMany',
    input: async ({ contact }, app) => ({ ids: [contact, await theirs(app)] }),
    expected: failure('FORBIDDEN'),
  },
  'no rows to upsert': {
    procedure: 'contacts.upsertMany',
    input: () => ({ contacts: [] }),
    expected: issue('contacts', 'Must have at least 1 item'),
  },
  'a contact of another organization': {
    procedure: 'contacts.get',
    input: async (_, app) => ({ id: await theirs(app) }),
    expected: failure('FORBIDDEN'),
    notOver: ['REST'],
  },
  'to delete a contact of another organization': {
    procedure: 'contacts.delete',
    input: async (_, app) => ({ id: await theirs(app) }),
    expected: failure('FORBIDDEN'),
    notOver: ['REST'],
  },
  'another organization by its id': {
    procedure: 'contacts.list',
    input: (_, app) => ({ organizationId: app.other.id }),
    expected: failure('FORBIDDEN'),
    notOver: ['MCP', 'REST'],
  },
  'a contact that there is not': {
    procedure: 'contacts.get',
    input: () => ({ id: NONE }),
    expected: failure('NOT_FOUND', undefined, 'There is no contact with this id'),
  },
  'a contact that is deleted': {
    procedure: 'contacts.get',
    input: ({ deletedContact }) => ({ id: deletedContact }),
    expected: isDeleted,
  },
  'to change a contact that is deleted': {
    procedure: 'contacts.update',
    input: ({ deletedContact }) => ({ id: deletedContact, title: 'Countess', expectedVersion: 1 }),
    expected: isDeleted,
  },
  'to restore a contact that there is not': {
    procedure: 'contacts.restore',
    input: () => ({ id: NONE }),
    expected: failure('NOT_FOUND', undefined, 'There is no contact with this id'),
  },
  'an email that is taken': {
    procedure: 'contacts.create',
    input: async ({ contact }, app) => {
      const email = `${contact}@example.com`;
      await app.trpc(app.one.key).contacts.update.mutate({ id: contact, email });
      return { name: 'Ada', email: email.toUpperCase() };
    },
    expected: ({ contact }) => failure('CONFLICT', { existingId: contact }, 'Another contact has this email'),
  },
  'a version that is another': {
    procedure: 'contacts.update',
    input: ({ contact }) => ({ id: contact, title: 'Countess', expectedVersion: 7 }),
    expected: failure('PRECONDITION_FAILED', { currentVersion: 1 }),
  },
};

/** A value without the parts that differ between calls: ids, times, secrets, cursors. */
const settled = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value ?? null)
      .replaceAll(/introzy_[0-9a-f]{64}/g, 'introzy_…')
      .replaceAll(/"hint":"[0-9a-f]{8}"/g, '"hint":"…"')
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'id')
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, 'instant')
      .replaceAll(/"lastUsedAt":(null|"instant")/g, '"lastUsedAt":"instant"')
      .replaceAll(/"nextCursor":"[\w-]{22}"/g, '"nextCursor":"cursor"'),
  );

/** By write: a part of an input that makes it another, where neither a name nor the target does. */
const OTHERWISE: Record<string, Input> = {
  'keys.mintToken': { expiresInMinutes: 6 },
  'contacts.upsertMany': { contacts: [{ name: 'another' }] },
  'contacts.updateMany': { where: { tag: 'another' }, addTags: ['another'] },
};

for (const [name, door] of Object.entries(DOORS)) {
  describe(name, () => {
    const leftOut = new Set(Object.values(door.leftOut).flat());
    let app: TestApp;
    beforeAll(async () => {
      app = await testApp();
    });
    afterAll(() => app[Symbol.asyncDispose]());

    test('has every procedure, but for those that are left out on purpose', () => {
      const all = Object.keys(procedures);
      expect(all.filter((procedure) => !isThrough(name, procedure)).sort()).toEqual([...leftOut].sort());
    });

    for (const [procedure, given] of Object.entries(CASES).filter(([each]) => !leftOut.has(each))) {
      test(`answers ${procedure} with what the procedure does`, async () => {
        const { key } = app.one;
        const one = await makeTargets(app, app.one);
        const another = await makeTargets(app, app.one);
        const callStraight = () => DOORS.tRPC?.call({ app, key, procedure, input: inputOf(given, one) });
        // Makes the row first, so that both compared calls find the row as it will be.
        if (['contacts.upsertMany', 'contacts.updateMany'].includes(procedure)) await callStraight();
        const straight = await callStraight();
        expect(straight?.status).toBe(200);
        const { status, data } = await door.call({ app, key, procedure, input: inputOf(given, another) });
        expect(status).toBe(200);
        expect(settled(data)).toEqual(door.shape(procedure, settled(straight?.data)));
      });
    }

    const writes = Object.entries(CASES).filter(
      ([each]) => !leftOut.has(each) && procedures[each as keyof typeof procedures].type === 'mutation',
    );
    for (const [procedure, given] of writes) {
      test(`does ${procedure} once under an idempotency key, and refuses another input under the key`, async () => {
        const targets = await makeTargets(app, app.one);
        const idempotencyKey = `${name} ${procedure}`;
        const made = { app, key: app.one.key, procedure, idempotencyKey };
        const input = inputOf(given, targets);
        const first = await door.call({ ...made, input });
        expect(first.status).toBe(200);
        const again = await door.call({ ...made, input });
        if (procedures[procedure as keyof typeof procedures].meta.showsSecret) {
          const existingId = expect.stringMatching(/^[0-9a-f-]{36}$/);
          const message = 'The call was done, and its answer cannot be given again';
          expect(again).toEqual(failure('CONFLICT', { existingId }, message));
        } else expect(again).toEqual(first);
        const other = inputOf(given, await makeTargets(app, app.one));
        const another = { ...other, ...('name' in other && { name: 'another' }), ...OTHERWISE[procedure] };
        expect(await door.call({ ...made, input: another })).toEqual(failure('UNPROCESSABLE_CONTENT'));
        for (const wrong of ['', 'k'.repeat(256)]) {
          const answer = door.call({ ...made, input, idempotencyKey: wrong });
          // The client refuses such a key before a request.
          if (name === 'client') await expect(answer).rejects.toThrow(IDEMPOTENCY_KEY_FORM);
          else expect((await answer).status).toBe(400);
        }
      });
    }

    for (const [what, { procedure, as, input, expected, notOver }] of Object.entries(FAILURES)) {
      if (leftOut.has(procedure) || notOver?.includes(name)) continue;
      test(`refuses ${what}`, async () => {
        const targets = await makeTargets(app, app.one);
        const key = as ? await as(app) : app.one.key;
        const { status, error, details } = await door.call({ app, key, procedure, input: await input(targets, app) });
        const wanted = typeof expected === 'function' ? expected(targets) : expected;
        expect({ status, error, details }).toEqual(wanted);
      });
    }

    test('refuses what is over the rate', async () => {
      await using limited = await testApp({ rateLimit: 1 });
      // Seconds. The client waits for a minute at most, and then gives the refusal.
      limited.deps.rateLimiter.duration = 120;
      const request = { app: limited, key: limited.one.key, procedure: 'contacts.create', input: { name: 'Ada' } };
      expect((await door.call(request)).status).toBe(200);
      const reason = 'The API key has used up its rate of 1 call a minute';
      const retryAfterSeconds = expect.toSatisfy((wait: number) => wait >= 1 && wait <= 120);
      expect(await door.call(request)).toEqual(failure('TOO_MANY_REQUESTS', { reason, retryAfterSeconds }));
    });
  });
}

/** The rows that a call of a procedure for people names. Each call of the table has rows of its own. */
interface PeopleTargets {
  member: string;
  invitation: string;
}

const isGiven = (input: Input) => () => input;
const ofMember = (more: Input) => (targets: PeopleTargets) => ({ id: targets.member, ...more });

/** By procedure for people: inputs, and the status of an owner's call with each input. */
const INPUTS: Record<string, [input: (targets: PeopleTargets) => Input, status: number][]> = {
  'session.current': [
    [isGiven({}), 200],
    [isGiven({ more: 1 }), 400],
  ],
  'contacts.erase': [
    [isGiven({ ids: [NONE] }), 200],
    [isGiven({ ids: [] }), 400],
    [isGiven({ ids: ['none'] }), 400],
    [isGiven({}), 400],
  ],
  'organization.delete': [
    [isGiven({ name: 'the name of another organization' }), 400],
    [isGiven({}), 400],
  ],
  'members.list': [
    [isGiven({}), 200],
    [isGiven({ more: 1 }), 400],
  ],
  'members.invite': [
    [({ member }) => ({ email: `${member}@example.com` }), 200],
    [({ member }) => ({ email: `${member}@example.com`, role: 'admin' }), 200],
    [isGiven({ email: 'nobody' }), 400],
    [isGiven({}), 400],
  ],
  'members.cancelInvitation': [
    [({ invitation }) => ({ id: invitation }), 200],
    [isGiven({ id: NONE }), 404],
    [isGiven({ id: 'none' }), 400],
  ],
  'members.changeRole': [
    [ofMember({ role: 'admin' }), 200],
    [ofMember({ role: 'king' }), 400],
    [isGiven({ id: NONE, role: 'admin' }), 404],
  ],
  'members.keys': [
    [ofMember({}), 200],
    [ofMember({ role: 'member' }), 200],
    [ofMember({ role: 'king' }), 400],
    [isGiven({ id: NONE }), 404],
  ],
  'members.requireFactor': [
    [isGiven({ isRequired: false }), 200],
    [isGiven({ isRequired: 'yes' }), 400],
  ],
  'members.remove': [
    [ofMember({}), 200],
    [ofMember({ keepKeys: 'all' }), 400],
    [isGiven({ id: NONE }), 404],
  ],
};

describe('What is for people comes to the same by tRPC’s walk through a procedure and by our own', () => {
  let app: TestApp;
  const callers = {} as Record<'owner' | 'admin' | 'member', Browser>;
  beforeAll(async () => {
    app = await testApp();
    for (const role of ['owner', 'admin', 'member'] as const) {
      callers[role] = await signedIn(app, await addMember(app, app.one.id, role));
    }
  });
  afterAll(() => app[Symbol.asyncDispose]());

  /** An organization sends 200 invitations an hour, so that an invitation is made only for the procedure that takes one. */
  async function makePeople(procedure: string): Promise<PeopleTargets> {
    const { userId } = await addMember(app, app.one.id);
    const { trpc } = callers.owner;
    const { members } = await trpc.members.list.query();
    const member = members.find(({ person }) => person.id === userId)?.id ?? NONE;
    if (procedure !== 'members.cancelInvitation') return { member, invitation: NONE };
    const invited = await trpc.members.invite.mutate({ email: `${userId}@invited.example` });
    return { member, invitation: invited.id };
  }

  /** Calls a procedure by both walks, with rows of its own for each walk, and gives both outcomes. */
  async function callBoth(browser: Browser, procedure: string, inputOfCall: (targets: PeopleTargets) => Input) {
    const [one, another] = [await makePeople(procedure), await makePeople(procedure)];
    const [request] = requestsOf(procedure, inputOfCall(one)) as [DoorRequest];
    const overTrpc = readAnswer(request, await browser.call(request.method, request.path, request.body));
    const cookie = [...browser.cookies].map((each) => each.join('=')).join('; ');
    const headers = { cookie, origin: 'http://localhost', 'content-type': 'application/json' };
    const walked = await walk({ app, procedure, input: inputOfCall(another) }, headers);
    return { overTrpc, walked };
  }

  test('the table has every procedure for people', () => {
    expect(Object.keys(INPUTS).sort()).toEqual(Object.keys(FOR_PEOPLE).sort());
  });

  for (const [procedure, inputs] of Object.entries(INPUTS)) {
    const forAnyone = procedure === 'session.current';
    const forOwners = ['organization.delete', 'members.requireFactor'].includes(procedure);
    const cases = inputs.flatMap(([input, status]) => [
      { who: 'owner' as const, input, status },
      { who: 'admin' as const, input, status: forOwners ? 403 : status },
      { who: 'member' as const, input, status: forAnyone ? status : 403 },
    ]);
    const [valid] = inputs[0] as (typeof inputs)[number];
    const foreign = (targets: PeopleTargets) => ({ ...valid(targets), organizationId: app.other.id });
    cases.push({ who: 'owner', input: foreign, status: 403 });
    for (const [index, { who, input, status }] of cases.entries()) {
      test(`${procedure}, input ${index}, by the ${who}: ${status}`, async () => {
        const { overTrpc, walked } = await callBoth(callers[who], procedure, input);
        expect(walked.status, JSON.stringify(walked)).toBe(status);
        expect(settledPeople(walked)).toEqual(settledPeople(overTrpc));
      });
    }

    test(`${procedure}, by a key and by nobody`, async () => {
      const input = valid(await makePeople(procedure));
      for (const key of [app.one.key, undefined]) {
        const made = { app, key, procedure, input };
        const [overTrpc, walked] = [await DOORS.tRPC?.call(made), await DOORS.callProcedure?.call(made)];
        expect(walked?.status).toBe(key ? 403 : 401);
        expect(walked).toEqual(overTrpc);
      }
    });
  }

  test('an owner who is the last, and an admin who would act on an owner, are refused alike', async () => {
    const { members } = await callers.owner.trpc.members.list.query();
    const owner = members.find(({ role }) => role === 'owner')?.id ?? NONE;
    for (const [procedure, more] of [
      ['members.changeRole', { role: 'member' }],
      ['members.remove', {}],
    ] as const) {
      const { overTrpc, walked } = await callBoth(callers.admin, procedure, isGiven({ id: owner, ...more }));
      expect(walked.status).toBe(403);
      expect(walked).toEqual(overTrpc);
    }
  });
});

/** An outcome without the parts that differ between people: ids and addresses. */
const settledPeople = ({ data, ...outcome }: Outcome) => ({
  ...outcome,
  data: JSON.parse(
    JSON.stringify(settled(data))
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'id')
      .replaceAll(/id@[\w.]+/g, 'id@'),
  ),
});
