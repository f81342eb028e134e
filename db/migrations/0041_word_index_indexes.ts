export const kind = 'background';

/** The index by which contacts are searched. Contacts in a form before 2 have no folded text, and are not in the index. */
export const indexes = [
  {
    name: 'contacts_words',
    table: 'contacts',
    // The pending list is short (256 kB), because each search reads the whole list.
    as: `using gin (introzy_word_keys(organization_id, introzy_words(folded, tag_keys)))
      with (gin_pending_list_limit = 256) where folded is not null`,
  },
];
