/** A REST route: which procedure answers it, and with which status. */
export interface Route {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** `{id}` is the procedure's `id`. */
  path: string;
  procedure: string;
  status?: 201;
  /** Where the answer's resource is, from its id. */
  location?: (id: string) => string;
  /** The field that a body which is an array stands for. */
  arrayField?: string;
  /** The answer's version goes out as `ETag`. */
  hasVersion?: true;
  /** `If-Match` names the version that is expected. */
  isConditional?: true;
}

/**
 * Every REST route. Query parameters, the body's fields and the path's id together are the procedure's input. A path that
 * an `{id}` would match too stands before it.
 */
export const routes: readonly Route[] = [
  { method: 'GET', path: '/api/keys/current', procedure: 'keys.current' },
  { method: 'GET', path: '/api/keys', procedure: 'keys.list' },
  { method: 'POST', path: '/api/keys', procedure: 'keys.issue', status: 201, location: (id) => `/api/keys/${id}` },
  { method: 'GET', path: '/api/keys/{id}', procedure: 'keys.get' },
  { method: 'PATCH', path: '/api/keys/{id}', procedure: 'keys.rename' },
  { method: 'DELETE', path: '/api/keys/{id}', procedure: 'keys.revoke' },
  { method: 'POST', path: '/api/keys/{id}/rotate', procedure: 'keys.rotate' },
  { method: 'GET', path: '/api/keys/{id}/places', procedure: 'keys.places' },
  { method: 'GET', path: '/api/organization', procedure: 'organization.current' },
  { method: 'GET', path: '/api/audit', procedure: 'audit.list' },
  { method: 'GET', path: '/api/contacts', procedure: 'contacts.list' },
  {
    method: 'POST',
    path: '/api/contacts',
    procedure: 'contacts.create',
    status: 201,
    location: (id) => `/api/contacts/${id}`,
    hasVersion: true,
  },
  { method: 'POST', path: '/api/contacts/batch', procedure: 'contacts.upsertMany', arrayField: 'contacts' },
  { method: 'GET', path: '/api/contacts/{id}', procedure: 'contacts.get', hasVersion: true },
  { method: 'PATCH', path: '/api/contacts/{id}', procedure: 'contacts.update', hasVersion: true, isConditional: true },
  { method: 'DELETE', path: '/api/contacts/{id}', procedure: 'contacts.delete', hasVersion: true, isConditional: true },
  { method: 'POST', path: '/api/contacts/{id}/restore', procedure: 'contacts.restore', hasVersion: true },
];
