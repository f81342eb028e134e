import { expect } from 'vitest';
import { hintOf } from '../../shared/keyFormat.ts';
import { descendantsOf, holderOf, idOf, keepRows, listKeys, reasonAgainst, revokeRows } from './keyModel.ts';
import { type ModelKey, type ModelPerson, type ModelSecret, newestFirst } from './modelRows.ts';
import type { Act } from './operations.ts';
import { type Actor, addKey, type Failure, findKey, type Step, shownKey } from './world.ts';

type ActOf<N extends Act['act']> = Extract<Act, { act: N }>;

const DAY = 86_400_000;
const ABSENT: Failure = { status: 404, error: 'There is no API key with this id' };
const REVOKED: Failure = {
  status: 409,
  error: 'A revoked API key has no secret that works: issue a new key',
  details: undefined,
};
const absence = (failure: Failure | undefined) => (failure?.status === 403 ? failure : ABSENT);
const refusing = (reason: string): Failure => ({ status: 403, details: { reason } });
const shownPerson = (person: ModelPerson | null) => person && { id: person.id, name: person.name };
const isLive = ({ isOver, holder }: ModelSecret) => !isOver && holder?.role !== null;

const issue = (actor: Actor, { name, scopes, selfRotate }: ActOf<'issueKey'>): Step => ({
  procedure: 'keys.issue',
  scope: 'keys:manage',
  input: { name, scopes, selfRotate, expiresInDays: 30 },
  expected() {
    const { organization, caller } = actor;
    const reason = reasonAgainst(caller, scopes);
    if (reason) return refusing(reason);
    return {
      accept(issued: { key: string; apiKey: ModelKey }) {
        const { shown } = addKey(organization, { ...issued, holder: holderOf(caller) });
        const { id, createdAt } = shown;
        expect(shown).toEqual({
          id,
          organizationId: organization.id,
          name,
          hint: hintOf(issued.key),
          description: null,
          environment: null,
          selfRotate,
          rateLimit: null,
          allowedAddresses: [],
          addressMode: 'enforce',
          scopes,
          state: 'active',
          createdBy: caller.person
            ? { type: 'person', ...shownPerson(caller.person) }
            : { type: 'key', id: idOf(caller), name: actor.key?.shown.name },
          createdAt,
          expiresAt: new Date(Date.parse(createdAt) + 30 * DAY).toISOString(),
          revokedAt: null,
        });
      },
    };
  },
});

const rotate = (actor: Actor, { target, graceHours, graceFrom, isCurrent }: ActOf<'rotateKey'>): Step => {
  const { caller, key: own } = actor;
  const found = findKey(actor, target);
  const { row, id, failure } = isCurrent && own ? { row: own, id: 'current', failure: undefined } : found;
  const mayItself = own?.shown.selfRotate;
  return {
    procedure: 'keys.rotate',
    scope: mayItself ? undefined : 'keys:manage',
    input: { id, graceHours, graceFrom, expiresInDays: 365 },
    expected() {
      const reason = mayItself && row === own ? undefined : reasonAgainst(caller, ['keys:manage']);
      if (reason) return refusing(reason);
      if (!row) return absence(failure);
      if (row.shown.state === 'revoked') return REVOKED;
      const beyond = row === own ? undefined : reasonAgainst(caller, row.shown.scopes);
      if (beyond) return refusing(beyond);
      return {
        accept({ key, apiKey }: { key: string; apiKey: ModelKey & { lastUsedAt: null } }) {
          const { expiresAt } = apiKey;
          expect(shownKey({ ...apiKey })).toEqual({ ...row.shown, state: 'active', hint: hintOf(key), expiresAt });
          expect(Math.abs(Date.parse(expiresAt) - Date.now() - 365 * DAY)).toBeLessThan(60_000);
          row.shown = shownKey({ ...apiKey });
          const rotatedBy = idOf(caller);
          const newest = row.secrets.at(-1);
          // The caller rotates again, as after a lost answer: nobody has used the caller's secret.
          const isReplaced = newest?.rotatedBy === rotatedBy && !newest.isUsed && !newest.isOver;
          if (isReplaced) newest.isOver = true;
          if (graceFrom === 'now' && graceHours === 0) for (const secret of row.secrets) secret.isOver = true;
          const graceAfterUse = graceFrom === 'firstUse' ? { graceAfterUse: graceHours } : {};
          row.secrets.push({ key, holder: holderOf(caller), isOver: false, rotatedBy, ...graceAfterUse });
        },
      };
    },
  };
};

const endGrace = (actor: Actor, { target }: ActOf<'endGrace'>): Step => {
  const { row, id, failure } = findKey(actor, target);
  const { caller, key: own } = actor;
  const mayItself = own?.shown.selfRotate;
  return {
    procedure: 'keys.endGrace',
    scope: mayItself ? undefined : 'keys:manage',
    input: { id },
    expected() {
      const reason = mayItself && row === own ? undefined : reasonAgainst(caller, ['keys:manage']);
      if (reason) return refusing(reason);
      if (!row) return absence(failure);
      if (row.shown.state === 'revoked') return REVOKED;
      return {
        accept(apiKey: ModelKey & { secrets: object[] }) {
          // The newest secret that goes on may be older than a secret whose holder left.
          const newest = row.secrets.findLast(({ isOver }) => !isOver);
          for (const older of row.secrets) older.isOver ||= older !== newest;
          expect(shownKey({ ...apiKey })).toEqual(row.shown);
          expectSecrets(apiKey, row.secrets);
        },
      };
    },
  };
};

/** Compares the live secrets that a key shows. */
function expectSecrets({ state, secrets }: ModelKey & { secrets: object[] }, expected: ModelSecret[]) {
  const live = expected.filter((secret) => state !== 'revoked' && isLive(secret));
  const shown = live.map(({ key, holder }) => ({ hint: hintOf(key), holder: shownPerson(holder) }));
  expect(secrets.length).toBe(shown.length);
  expect(secrets).toMatchObject(shown.reverse());
}

const revoke = (actor: Actor, { target, descendants: fate }: ActOf<'revokeKey'>): Step => {
  const { row, id, failure } = findKey(actor, target);
  const { organization, caller, key: own } = actor;
  return {
    procedure: 'keys.revoke',
    input: { id, ...(fate && { descendants: fate }) },
    expected() {
      const reason = reasonAgainst(caller, ['keys:manage']);
      // A person deals with the keys that the person issued, and a key with itself.
      const isKeysOwn = row !== undefined && row === own;
      if (reason && (fate === 'keep' || !(isKeysOwn || caller.person))) return refusing(reason);
      if (!row) return absence(failure);
      if (reason && !isKeysOwn && row.shown.createdBy.id !== idOf(caller)) return refusing(reason);
      return {
        accept({ descendants, ...apiKey }: ModelKey & { descendants: ModelKey[] }) {
          const { revokedAt } = apiKey;
          expect(revokedAt).toBe(row.shown.revokedAt ?? revokedAt);
          expect(revokedAt).toBeTypeOf('string');
          const step = actor.world.step;
          const revoked = revokeRows([row], step);
          if (revoked.length > 0) {
            const family = descendantsOf(organization, row);
            if (fate === 'keep') row.keptKeys = keepRows(family, { step, holder: holderOf(caller) });
            else revoked.push(...revokeRows(family, step));
          }
          for (const each of revoked) each.shown = { ...each.shown, revokedAt };
          expect(shownKey({ ...apiKey })).toEqual(row.shown);
          const ended = descendantsOf(organization, row).filter((each) => each.revokedAt === row.revokedAt);
          const concerned = [...new Set([...ended, ...(row.keptKeys ?? [])])].map(({ shown }) => shown);
          expect(descendants.map((each) => shownKey({ ...each }))).toEqual(concerned.sort(newestFirst));
        },
      };
    },
  };
};

const rename = (actor: Actor, { target, name }: ActOf<'renameKey'>): Step => {
  const { row, id, failure } = findKey(actor, target);
  return {
    procedure: 'keys.update',
    scope: 'keys:manage',
    input: { id, name },
    expected() {
      if (!row) return absence(failure);
      return {
        accept(apiKey: ModelKey) {
          row.shown = { ...row.shown, name };
          expect(shownKey({ ...apiKey })).toEqual(row.shown);
        },
      };
    },
  };
};

const get = (actor: Actor, { target }: ActOf<'getKey'>): Step => {
  const { row, id, failure } = findKey(actor, target);
  const { caller } = actor;
  return {
    procedure: 'keys.get',
    scope: caller.person ? undefined : 'keys:manage',
    input: { id },
    expected() {
      if (!row) return absence(failure);
      const reason = reasonAgainst(caller, ['keys:manage']);
      if (reason && row.shown.createdBy.id !== idOf(caller)) return refusing(reason);
      return {
        accept(apiKey: ModelKey & { secrets: object[] }) {
          expect(shownKey({ ...apiKey })).toEqual(row.shown);
          expectSecrets(apiKey, row.secrets);
        },
      };
    },
  };
};

const current = ({ key, caller }: Actor): Step => ({
  procedure: 'keys.current',
  input: {},
  expected() {
    if (!key) return { status: 404, error: 'You are signed in, and call with no API key' };
    return {
      accept({ token, ...apiKey }: ModelKey & { holder: object | null; token: null }) {
        expect(token).toBeNull();
        expect(shownKey({ ...apiKey })).toEqual(key.shown);
        expect(apiKey.holder).toEqual(shownPerson(holderOf(caller)));
      },
    };
  },
});

const list = ({ organization, caller }: Actor, { limit }: ActOf<'listKeys'>): Step => ({
  procedure: 'keys.list',
  scope: caller.person ? undefined : 'keys:manage',
  input: { limit },
  expected: () => ({
    accept({ items, nextCursor }: { items: ModelKey[]; nextCursor: string | null }) {
      const isOwnAlone = reasonAgainst(caller, ['keys:manage']) !== undefined;
      const all = listKeys(organization).filter(({ createdBy }) => !isOwnAlone || createdBy.id === idOf(caller));
      expect(items.map((item) => shownKey({ ...item }))).toEqual(all.slice(0, limit));
      expect(nextCursor === null).toBe(limit >= all.length);
    },
  }),
});

export const keySteps = {
  issueKey: issue,
  rotateKey: rotate,
  endGrace,
  revokeKey: revoke,
  renameKey: rename,
  getKey: get,
  currentKey: current,
  listKeys: list,
};
