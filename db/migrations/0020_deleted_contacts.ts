export const kind = 'background';

/** An index for the contacts whose deletion is old enough for their erasure. */
export const indexes = [
  {
    name: 'contacts_deleted_at',
    table: 'contacts',
    as: '(organization_id, deleted_at) where deleted_at is not null',
  },
];
