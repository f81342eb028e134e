/**
 * Fields of better-auth's accounts and organizations that Introzy has no use for. A request may not set such a field, and
 * no answer has the field.
 */
const CLOSED: ReadonlySet<string> = new Set(['image', 'logo', 'metadata']);

/** The closed fields that a body names. */
export const closedFieldsOf = (body: object) => Object.keys(body).filter((name) => CLOSED.has(name));

export const CLOSED_FIELD = 'Introzy keeps no such field: leave the field out';

/** Gives better-auth's answer without the closed fields, however deep a field lies. */
export async function withoutClosedFields(answer: Response): Promise<Response> {
  if (!answer.headers.get('content-type')?.startsWith('application/json')) return answer;
  const text = await answer.text();
  const headers = new Headers(answer.headers);
  headers.delete('content-length');
  const open =
    text === '' ? '' : JSON.stringify(JSON.parse(text, (name, value) => (CLOSED.has(name) ? undefined : value)));
  return new Response(open, { status: answer.status, statusText: answer.statusText, headers });
}
