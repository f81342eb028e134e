export const kind = 'background';

/**
 * The index of contacts that are in a form before 2. db/contactForm.ts folds them in batches.
 */
export const indexes = [
  { name: 'contacts_before_form_2', table: 'contacts', as: '(organization_id, id) where form < 2' },
  {
    name: 'contacts_linkedin',
    table: 'contacts',
    as: '(organization_id, linkedin_key) where linkedin_key is not null and deleted_at is null',
  },
];
