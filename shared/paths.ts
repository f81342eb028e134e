/** The paths at which the service answers with the dashboard. `:id` stands for any path segment. */
export const PATHS = {
  home: '/',
  signIn: '/sign-in',
  signUp: '/sign-up',
  forgotPassword: '/forgot-password',
  resetPassword: '/reset-password',
  verifyAddress: '/verify-address',
  invitation: '/invitations/:id',
  contacts: '/contacts',
  apiKeys: '/settings/api-keys',
  apiKey: '/settings/api-keys/:id',
  members: '/settings/members',
  auditLog: '/settings/audit-log',
  organization: '/settings/organization',
  account: '/settings/account',
  /** Outside of the pages of an organization: the organization is deleted. */
  organizationDeleted: '/organization-deleted',
} as const;
