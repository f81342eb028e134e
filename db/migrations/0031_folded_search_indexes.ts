export const kind = 'background';

/**
 * The index of searches, and of contacts that are in a form before 2. The index of searches is empty at first:
 * db/contactForm.ts folds the contacts afterwards, in batches.
 */
export const indexes = [
  { name: 'contacts_before_form_2', table: 'contacts', as: '(organization_id, id) where form < 2' },
  {
    name: 'contacts_linkedin',
    table: 'contacts',
    as: '(organization_id, linkedin_key) where linkedin_key is not null and deleted_at is null',
  },
  {
    name: 'contacts_folded',
    table: 'contacts',
    // The pending list is short (256 kB), because each search reads the whole list.
    as: 'using gin (organization_id, folded gin_trgm_ops, tag_keys) with (gin_pending_list_limit = 256) where folded is not null',
  },
];
