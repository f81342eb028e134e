const times = { createdAt: 'created_at', updatedAt: 'updated_at' };

/** The names of better-auth's models and fields in our tables. A field without an entry keeps better-auth's name. */
export const accountTables = {
  user: { modelName: 'users', fields: { emailVerified: 'email_verified', ...times } },
  twoFactor: {
    twoFactor: {
      modelName: 'two_factors',
      fields: {
        userId: 'user_id',
        backupCodes: 'backup_codes',
        failedVerificationCount: 'failed_verification_count',
        lockedUntil: 'locked_until',
      },
    },
  },
  session: {
    modelName: 'sessions',
    fields: {
      userId: 'user_id',
      expiresAt: 'expires_at',
      ipAddress: 'ip_address',
      userAgent: 'user_agent',
      ...times,
    },
  },
  account: {
    modelName: 'accounts',
    fields: {
      userId: 'user_id',
      accountId: 'account_id',
      providerId: 'provider_id',
      accessToken: 'access_token',
      refreshToken: 'refresh_token',
      idToken: 'id_token',
      accessTokenExpiresAt: 'access_token_expires_at',
      refreshTokenExpiresAt: 'refresh_token_expires_at',
      ...times,
    },
  },
  verification: { modelName: 'verifications', fields: { expiresAt: 'expires_at', ...times } },
  organization: {
    organization: { modelName: 'organizations', fields: { createdAt: 'created_at' } },
    member: {
      modelName: 'members',
      fields: { organizationId: 'organization_id', userId: 'user_id', createdAt: 'created_at' },
    },
    invitation: {
      modelName: 'invitations',
      fields: {
        organizationId: 'organization_id',
        inviterId: 'inviter_id',
        expiresAt: 'expires_at',
        createdAt: 'created_at',
      },
    },
    session: { fields: { activeOrganizationId: 'active_organization_id' } },
  },
} as const;
