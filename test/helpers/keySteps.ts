import { expect } from 'vitest';
import { hintOf } from '../../shared/keyFormat.ts';
import { listFamily, listKeys, type ModelKey, newestFirst } from './model.ts';
import type { Act } from './operations.ts';
import { type Actor, addKey, type Failure, findKey, type Step, shownKey } from './world.ts';

type ActOf<N extends Act['act']> = Extract<Act, { act: N }>;

const DAY = 86_400_000;
const ABSENT: Failure = { status: 404, error: 'There is no API key with this id' };
const absence = (failure: Failure | undefined) => (failure?.status === 403 ? failure : ABSENT);
const lacks = (scopes: string[]): Failure => ({
  status: 403,
  details: { reason: `The API key lacks the scope ${scopes.join(', ')}` },
});

const issue = ({ organization, key: issuer }: Actor, { name, scopes }: ActOf<'issueKey'>): Step => ({
  procedure: 'keys.issue',
  scope: 'keys:manage',
  input: { name, scopes, expiresInDays: 30 },
  expected() {
    const missing = scopes.filter((scope) => !issuer.shown.scopes.includes(scope));
    if (missing.length > 0) return lacks(missing);
    return {
      accept(issued: { key: string; apiKey: ModelKey }) {
        const { shown } = addKey(organization, issued);
        const { id, createdAt } = shown;
        expect(shown).toEqual({
          id,
          organizationId: organization.id,
          name,
          hint: hintOf(issued.key),
          description: null,
          environment: null,
          selfRotate: false,
          scopes,
          state: 'active',
          createdBy: { type: 'key', id: issuer.shown.id, name: issuer.shown.name },
          createdAt,
          expiresAt: new Date(Date.parse(createdAt) + 30 * DAY).toISOString(),
          revokedAt: null,
        });
      },
    };
  },
});

const rotate = (actor: Actor, { target, graceHours }: ActOf<'rotateKey'>): Step => {
  const { row, id, failure } = findKey(actor, target);
  return {
    procedure: 'keys.rotate',
    scope: 'keys:manage',
    input: { id, graceHours, expiresInDays: 365 },
    expected() {
      if (!row) return absence(failure);
      if (row.shown.state === 'revoked') {
        return { status: 409, error: 'A revoked API key cannot be rotated: issue a new one', details: undefined };
      }
      const missing = row.shown.scopes.filter((scope) => !actor.key.shown.scopes.includes(scope));
      if (missing.length > 0) return lacks(missing);
      return {
        accept({ key, apiKey }: { key: string; apiKey: ModelKey & { lastUsedAt: null } }) {
          const { expiresAt } = apiKey;
          expect(shownKey({ ...apiKey })).toEqual({ ...row.shown, state: 'active', hint: hintOf(key), expiresAt });
          expect(Math.abs(Date.parse(expiresAt) - Date.now() - 365 * DAY)).toBeLessThan(60_000);
          row.shown = shownKey({ ...apiKey });
          const rotatedBy = actor.key.shown.id;
          const newest = row.secrets.at(-1);
          const isReplaced = newest?.rotatedBy === rotatedBy && !newest.isUsed && !newest.isOver;
          if (isReplaced) newest.isOver = true;
          else if (graceHours === 0) for (const secret of row.secrets) secret.isOver = true;
          row.secrets.push({ key, isOver: false, rotatedBy });
        },
      };
    },
  };
};

const revoke = (actor: Actor, { target }: ActOf<'revokeKey'>): Step => {
  const { row, id, failure } = findKey(actor, target);
  return {
    procedure: 'keys.revoke',
    input: { id },
    expected() {
      const isItself = row === actor.key;
      if (!isItself && !actor.key.shown.scopes.includes('keys:manage')) return lacks(['keys:manage']);
      if (!row) return absence(failure);
      return {
        accept({ descendants, ...apiKey }: ModelKey & { descendants: ModelKey[] }) {
          const { revokedAt } = apiKey;
          const isNew = row.shown.revokedAt === null;
          expect(revokedAt).toBe(row.shown.revokedAt ?? revokedAt);
          expect(revokedAt).toBeTypeOf('string');
          row.shown = { ...row.shown, state: 'revoked', revokedAt };
          const family = listFamily(actor.organization, row.shown.id);
          for (const { shown } of isNew ? family : []) {
            if (shown.state === 'active') Object.assign(shown, { state: 'revoked', revokedAt });
          }
          const taken = family.map(({ shown }) => shown).filter((shown) => shown.revokedAt === revokedAt);
          expect(descendants.map((each) => shownKey({ ...each }))).toEqual(taken.sort(newestFirst));
          expect(shownKey({ ...apiKey })).toEqual(row.shown);
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
  return {
    procedure: 'keys.get',
    scope: 'keys:manage',
    input: { id },
    expected: () =>
      row ? { accept: (apiKey: ModelKey) => expect(shownKey({ ...apiKey })).toEqual(row.shown) } : absence(failure),
  };
};

const current = ({ key }: Actor): Step => ({
  procedure: 'keys.current',
  input: {},
  expected: () => ({ accept: (apiKey: ModelKey) => expect(shownKey({ ...apiKey })).toEqual(key.shown) }),
});

const list = ({ organization }: Actor, { limit }: ActOf<'listKeys'>): Step => ({
  procedure: 'keys.list',
  scope: 'keys:manage',
  input: { limit },
  expected: () => ({
    accept({ items, nextCursor }: { items: ModelKey[]; nextCursor: string | null }) {
      const all = listKeys(organization);
      expect(items.map((item) => shownKey({ ...item }))).toEqual(all.slice(0, limit));
      expect(nextCursor === null).toBe(limit >= all.length);
    },
  }),
});

export const keySteps = {
  issueKey: issue,
  rotateKey: rotate,
  revokeKey: revoke,
  renameKey: rename,
  getKey: get,
  currentKey: current,
  listKeys: list,
};
