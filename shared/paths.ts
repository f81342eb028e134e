/** The dashboard's pages. At these addresses the service answers with the web page; `:id` stands for any one segment. */
export const PAGES = {
  home: '/',
  signIn: '/sign-in',
  signUp: '/sign-up',
  forgotPassword: '/forgot-password',
  resetPassword: '/reset-password',
  invitation: '/invitations/:id',
  contacts: '/contacts',
  apiKeys: '/settings/api-keys',
  apiKey: '/settings/api-keys/:id',
  members: '/settings/members',
  auditLog: '/settings/audit-log',
  account: '/settings/account',
} as const;
