export const kind = 'background';

/** For DELETED_DAYS. */
export const indexes = [
  {
    name: 'contacts_deleted_at',
    table: 'contacts',
    as: '(organization_id, deleted_at) where deleted_at is not null',
  },
] as const;
