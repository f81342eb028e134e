import { expect, test } from 'vitest';
import { FACTOR_NEEDED } from '../../shared/refusals.ts';
import { addMember, type Browser, PASSWORD, signedIn } from '../helpers/browser.ts';
import { switchOn } from '../helpers/secondFactor.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { testApp } from '../helpers/testApp.ts';

/** The status of a call, and the reason of its refusal. */
const outcome = (call: Promise<unknown>) =>
  call.then(
    () => [200],
    ({ data }) => [data?.httpStatus, data?.details?.reason],
  );
const require = ({ trpc }: Browser, isRequired = true) => outcome(trpc.members.requireFactor.mutate({ isRequired }));

test('Where an organization requires a second factor, a member without one is refused all but setting one up', async () => {
  await using app = await testApp();
  const owner = await signedIn(app, await addMember(app, app.one.id, 'owner'));
  const member = await signedIn(app, await addMember(app, app.one.id));
  await switchOn(owner);
  expect(await require(owner)).toEqual([200]);
  expect((await owner.trpc.session.current.query()).organization.requiresFactor).toBe(true);
  const refused = [403, FACTOR_NEEDED];
  const calls = ({ trpc }: Browser) => [
    trpc.session.current.query(),
    trpc.contacts.list.query({}),
    trpc.contacts.create.mutate({ name: 'Ada' }),
    trpc.keys.list.query({}),
    trpc.organization.current.query(),
  ];
  for (const call of calls(member).map(outcome)) expect(await call).toEqual(refused);
  // REST is another door to the same procedures.
  const rest = await member.call('GET', '/api/contacts');
  expect([rest.status, rest.body.details]).toEqual([403, { reason: FACTOR_NEEDED }]);
  // Keys have no person at a keyboard.
  expect((await app.api(app.one.key, 'GET', '/api/contacts')).status).toBe(200);
  // Another organization requires nothing.
  const other = await signedIn(app, await addMember(app, app.other.id));
  expect(await outcome(other.trpc.contacts.list.query({}))).toEqual([200]);

  await switchOn(member);
  expect(await outcome(member.trpc.contacts.list.query({}))).toEqual([200]);
  await member.account('/two-factor/disable', { password: PASSWORD });
  expect(await outcome(member.trpc.contacts.list.query({}))).toEqual(refused);
  expect(await require(owner, false)).toEqual([200]);
  expect(await outcome(member.trpc.contacts.list.query({}))).toEqual([200]);
});

test('Only an owner with a second factor requires the factor, and the audit log tells of it once', async () => {
  await using app = await testApp();
  const owner = await signedIn(app, await addMember(app, app.one.id, 'owner'));
  const admin = await signedIn(app, await addMember(app, app.one.id, 'admin'));
  await switchOn(admin);
  expect(await require(admin)).toEqual([403, 'Only an owner of the organization may do this']);
  expect(await require(owner)).toEqual([409, 'Set up a second factor of your own first']);
  await switchOn(owner);
  for (const isRequired of [true, true, false]) expect(await require(owner, isRequired)).toEqual([200]);
  const entries = await runAsAdmin(
    app,
    `select action, actor->>'type' as by, subject->>'id' as id from audit_log
      where organization_id = '${app.one.id}' and action like 'organization.%' order by id`,
  );
  expect(entries).toEqual([
    { action: 'organization.factorRequired', by: 'person', id: app.one.id },
    { action: 'organization.factorNotRequired', by: 'person', id: app.one.id },
  ]);
  // The other organization has none of it.
  const [other] = await runAsAdmin(
    app,
    `select requires_factor from organization_settings where id = '${app.other.id}'`,
  );
  expect(other).toBeUndefined();
});
