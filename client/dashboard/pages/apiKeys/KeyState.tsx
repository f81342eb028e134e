import { Badge, Group, Text } from '@mantine/core';
import type { ApiKey } from '../../../../shared/apiKeys.ts';
import { RelativeTime, useMinute } from '../../components/RelativeTime.tsx';
import { expiresSoon, isIdle, SCOPE_WORDS } from './keys.ts';

const COLORS = { active: 'green', expired: 'gray', revoked: 'red' } as const;

export const KeyState = ({ apiKey: { state } }: { apiKey: ApiKey }) => (
  <Badge color={COLORS[state]} variant="dot" tt="capitalize" miw="max-content">
    {state}
  </Badge>
);

/** The scopes of a key, or of a token of a key. */
export const KeyScopes = ({ apiKey: { scopes } }: { apiKey: Pick<ApiKey, 'scopes'> }) => (
  <Group gap={4} miw={130}>
    {scopes.map((scope) => (
      <Badge key={scope} variant="default" tt="none" fw={500} title={SCOPE_WORDS[scope].label}>
        {scope}
      </Badge>
    ))}
  </Group>
);

/** The environment of a key; nothing where the key has no environment. */
export const KeyEnvironment = ({ apiKey: { environment } }: { apiKey: ApiKey }) =>
  environment && (
    <Badge variant="default" radius="sm" tt="none" fw={500} title="Environment" miw="max-content">
      {environment}
    </Badge>
  );

/** The time of a key's last use. A badge marks a key that was never used, or not for 30 days. */
export function LastUsed({ apiKey }: { apiKey: ApiKey }) {
  const now = useMinute();
  if (!apiKey.lastUsedAt) {
    return (
      <Badge color="orange" variant="dot" tt="none">
        Never
      </Badge>
    );
  }
  return (
    <Group gap={6}>
      <Text size="sm" style={{ whiteSpace: 'nowrap' }}>
        <RelativeTime date={apiKey.lastUsedAt} />
      </Text>
      {isIdle(apiKey, now) && (
        <Badge color="yellow" variant="dot" tt="none">
          Unused for 30 days
        </Badge>
      )}
    </Group>
  );
}

/** The time of a key's expiry. A badge marks a key that expires within 7 days. */
export function Expires({ apiKey }: { apiKey: ApiKey }) {
  const now = useMinute();
  return (
    <Group gap={6}>
      <Text size="sm" style={{ whiteSpace: 'nowrap' }}>
        <RelativeTime date={apiKey.expiresAt} />
      </Text>
      {expiresSoon(apiKey, now) && (
        <Badge color="orange" variant="dot" tt="none">
          Soon
        </Badge>
      )}
    </Group>
  );
}
