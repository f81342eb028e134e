export const kind = 'background';

/** Indexes for lists past deleted contacts, for contacts in an old form, and for what is looked up every hour. */
export const indexes = [
  // A list of living contacts reads no deleted contact.
  { name: 'contacts_living', table: 'contacts', as: '(organization_id, id) where deleted_at is null' },
  { name: 'contacts_before_form_1', table: 'contacts', as: '(organization_id, id) where form < 1' },
  { name: 'api_keys_expiring', table: 'api_keys', as: '(expires_at) where revoked_at is null' },
  { name: 'sessions_expiring', table: 'sessions', as: '(expires_at)' },
  { name: 'verifications_expiring', table: 'verifications', as: '(expires_at)' },
  // An action that is rare in an organization is found among millions of entries.
  { name: 'audit_log_action', table: 'audit_log', as: '(organization_id, action, id)' },
];
