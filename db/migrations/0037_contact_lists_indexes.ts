export const kind = 'background';

/**
 * The indexes of the sorts of lists, alone and of a company's contacts. `contacts_living` and the primary key have the order
 * of creation. Deleted contacts have indexes of their own, so that no share of deleted contacts makes a page slower, and
 * creating a contact writes none of these.
 */
const states = [
  { suffix: '', where: 'deleted_at is null' },
  { suffix: '_deleted', where: 'deleted_at is not null' },
];
const sorts = [
  { name: 'created_at', columns: 'id' },
  { name: 'updated_at', columns: 'updated_at, id' },
  { name: 'name', columns: 'name_fold, id' },
];

export const indexes = [
  ...states.flatMap(({ suffix, where }) =>
    sorts.flatMap(({ name, columns }) => [
      ...(name === 'created_at'
        ? []
        : [
            {
              name: `contacts_by_${name}${suffix}`,
              table: 'contacts',
              as: `(organization_id, ${columns}) where ${where}`,
            },
          ]),
      {
        name: `contacts_by_company_${name}${suffix}`,
        table: 'contacts',
        as: `(organization_id, company_fold, ${columns}) where ${where} and company_fold is not null`,
      },
    ]),
  ),
  {
    name: 'contacts_phones',
    table: 'contacts',
    as: `using gin (organization_id, phone_keys) with (gin_pending_list_limit = 256) where phone_keys <> '{}'`,
  },
  {
    name: 'contacts_custom_fields',
    table: 'contacts',
    as: `using gin (organization_id, custom_fields jsonb_path_ops) with (gin_pending_list_limit = 256) where custom_fields <> '{}'`,
  },
];
