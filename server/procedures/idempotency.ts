import { hash } from 'node:crypto';
import type { TRPCError } from '@trpc/server';
import type { Tenant } from '../../db/admission.ts';
import { AnswerKept } from '../../db/errors.ts';
import {
  claimAnswer,
  findKeptAnswer,
  forgetAnswer,
  type KeptAnswer,
  type KeyedCall,
  keepAnswer,
} from '../../db/keptAnswers.ts';
import { decodeDocument, encodedDocument } from '../../shared/encoded.ts';
import { IDEMPOTENCY_KEY_FORM, isIdempotencyKey } from '../../shared/idempotencyKey.ts';
import { transformer } from '../../shared/transformer.ts';
import { badRequest, fault } from '../http/errors.ts';
import type { Context, Idempotency, Principal } from './context.ts';
import { toTrpcError } from './outcome.ts';

/** The part of a keyed call that its procedure may use. */
export interface Keyed {
  /**
   * Commits what the call has done so far, and keeps `answer`, before the call does something outside of the database. From
   * then on the call uses `tenant`; where it fails after all, `takeBack` frees the idempotency key.
   */
  keep(answer: object): Promise<{ tenant: Tenant; takeBack(): Promise<void> }>;
}

interface Parts {
  ctx: Context;
  idempotency: Idempotency;
  principal: Principal;
  /** The name of the procedure. */
  procedure: string;
  input: unknown;
  /** The answer shows a secret, and is not kept. */
  showsSecret: boolean;
}

/** The result of a procedure, as tRPC's middlewares pass it on. */
type Result = { ok: true; data: unknown } | { ok: false; error: TRPCError };

/**
 * Does a keyed call once: `work`, and the record of its answer, are one transaction. Where the call was done before, gives
 * its answer again, or throws: 422 for another request under the same key, 409 where the answer is not kept. After a failure
 * of `work` the key is unused.
 */
export async function once<R extends Result>(parts: Parts, work: (keyed: Keyed) => Promise<R>): Promise<R> {
  const { ctx, idempotency, principal, showsSecret } = parts;
  const { call, requestDigest } = readCall(parts);
  const { admission } = principal;
  // Repetitions that reach this instance at the same time wait here, and hold no connection while they wait.
  return await ctx.deps.inTurn(`${call.callerId} ${call.keyDigest.toString('base64')}`, async () => {
    const held = admission.hold(claimAnswer(call));
    let isKept = false;
    const keep = async (data: object) => {
      await held.commit(keepAnswer(call, { requestDigest, ...toKept(data, { showsSecret, callerId: call.callerId }) }));
      isKept = true;
    };
    const keepEarly = async (data: object) => {
      await keep(data);
      const tenant = admission.tenant();
      return { tenant, takeBack: () => forgetAnswer(tenant, call) };
    };
    try {
      const result = await work({ keep: keepEarly });
      if (!result.ok) throw result.error;
      if (!isKept) await keep(result.data as object);
      return result;
    } catch (thrown) {
      const hasClaimed = held.isBegun() || isKept;
      if (!isKept) await held.rollback();
      const wasDone = toTrpcError(thrown).cause instanceof AnswerKept;
      if (!wasDone && (hasClaimed || PASSING.has(toTrpcError(thrown).code))) throw thrown;
      const kept = await findKeptAnswer(admission.tenant(), call);
      if (!kept && !wasDone) throw thrown;
      const data = toAnswer(kept, requestDigest);
      idempotency.replayed = (idempotency.replayed ?? 0) + 1;
      // The part of tRPC's result that its middlewares read.
      return { ok: true, data } as Result as R;
    }
  });
}

/** True where no call of the request was done now: each answer was given before. */
export const isReplayed = ({ replayed, parts = 1 }: Idempotency) => replayed === parts;

/** The codes of errors after which an earlier answer is not looked for. */
const PASSING = new Set<string>(['UNAUTHORIZED', 'FORBIDDEN', 'SERVICE_UNAVAILABLE', 'INTERNAL_SERVER_ERROR']);

/** Throws 400 for a key of another form, and for a request with several calls. */
function readCall({ idempotency, principal: { identity }, procedure, input }: Parts) {
  const { key, path, tool } = idempotency;
  if (!isIdempotencyKey(key)) {
    throw badRequest(IDEMPOTENCY_KEY_FORM, path);
  }
  refuseSeveral(idempotency);
  if (tool) idempotency.parts = (idempotency.parts ?? 0) + 1;
  const request = tool ? [tool.name, tool.given] : [procedure, input];
  const { organizationId, who } = identity;
  const call: KeyedCall = {
    organizationId,
    callerId: who.id,
    keyDigest: hash('sha256', JSON.stringify([key, idempotency.parts]), 'buffer'),
  };
  // The key is part of the digest: who has the database alone cannot try what the request may have held.
  return { call, requestDigest: hash('sha256', JSON.stringify([key, request], inOrder), 'buffer') };
}

/** Throws 400 where a request with an idempotency key has several calls. */
export function refuseSeveral({ calls, path }: Pick<Idempotency, 'calls' | 'path'>): void {
  if (calls === 1) return;
  throw badRequest('An idempotency key stands for one call: send each call in a request of its own', path);
}

/**
 * Has `JSON.stringify` write an object's fields in the order of their names, and a number that is not finite (see
 * shared/exactJson.ts) otherwise than `null`.
 */
function inOrder(_: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** An answer as text: a document as the database has it, any other as `[json, meta]` of superjson. */
function toKept(
  data: object,
  { showsSecret, callerId }: { showsSecret: boolean; callerId: string },
): Omit<KeptAnswer, 'requestDigest'> {
  const { id, apiKey } = data as { id?: string; apiKey?: { id: string } };
  const subjectId = apiKey?.id ?? id ?? null;
  if (showsSecret) return { subjectId: subjectId ?? callerId, answer: null };
  return { subjectId, answer: encodedDocument(data) ?? toPair(data) };
}

function toPair(data: object): string {
  const { json, meta } = transformer.serialize(data);
  return JSON.stringify([json, meta]);
}

/** The answer of a call that was done before. Throws 422 for another request, and 409 where the answer is not kept. */
function toAnswer(kept: KeptAnswer | undefined, requestDigest: Buffer): object {
  // The answer has ended between the call and the look for it.
  if (!kept) throw fault('SERVICE_UNAVAILABLE', { headers: { 'Retry-After': '1' } });
  const { answer, subjectId } = kept;
  if (!requestDigest.equals(kept.requestDigest)) throw fault('UNPROCESSABLE_CONTENT');
  if (answer === null) {
    throw fault('CONFLICT', {
      message: 'The call was done, and its answer cannot be given again',
      ...(subjectId !== null && { details: { existingId: subjectId } }),
    });
  }
  if (!answer.startsWith('[')) return decodeDocument(answer);
  const [json, meta] = JSON.parse(answer);
  return transformer.deserialize({ json, meta });
}
