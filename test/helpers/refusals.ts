import { expect } from 'vitest';
import type { Answer, DoorRequest } from './doors.ts';

export const CHALLENGE = 'Bearer realm="introzy"';
const INVALID_TOKEN = `${CHALLENGE}, error="invalid_token"`;
export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The refusal of a call by the key or its scopes. */
export interface Refusal {
  status: 401 | 403;
  reason?: string;
  challenge?: string;
  /** A text, or a matcher of Vitest. */
  hint?: unknown;
}

export const unauthorized = (reason: string, challenge = INVALID_TOKEN): Refusal => ({
  status: 401,
  reason,
  challenge,
});
export const FOREIGN: Refusal = { status: 403 };
/** `whose`: the key, the token or the role that lacks the scope, as the reason names the part. */
export const lacks = (scope: string, whose = 'The API key'): Refusal => ({
  status: 403,
  reason: `${whose} lacks the scope ${scope}`,
  challenge: `${CHALLENGE}, error="insufficient_scope", scope="${scope}"`,
});

/** What lacks a scope where the holder of a key's secret has a lower role than the key's scopes take. */
export const HOLDERS_ROLE = 'The role of the API key’s holder';

const CODES = {
  401: { code: 'UNAUTHORIZED', number: -32001, message: 'API key authentication failed' },
  403: { code: 'FORBIDDEN', number: -32003, message: 'You do not have permission to access this resource' },
};

/** Compares an answer with the contract: status, body and headers. */
export function expectRefusal(
  what: string,
  { door }: DoorRequest,
  answer: Answer,
  { status, reason, challenge, hint }: Refusal,
) {
  const { headers, text } = answer;
  const requestId = headers.get('x-request-id');
  const { code, number, message } = CODES[status];
  const details = { reason, ...(hint !== undefined && { hint }) };
  expect(answer.status, what).toBe(status);
  if (door === 'REST') {
    const envelope = { success: false, error: message, ...(reason !== undefined && { details }) };
    expect(JSON.parse(text), what).toEqual(envelope);
    expect(headers.get('content-type'), what).toBe('application/json; charset=UTF-8');
  } else {
    const data = { code, httpStatus: status, path: expect.any(String), requestId };
    const more = reason === undefined ? {} : { reason, details };
    expect(JSON.parse(text), what).toEqual({ error: { json: { message, code: number, data: { ...data, ...more } } } });
  }
  expect(headers.get('www-authenticate'), what).toBe(challenge ?? null);
  expect(headers.get('cache-control'), what).toBe('no-store');
  expect(requestId, what).toMatch(UUID);
}
