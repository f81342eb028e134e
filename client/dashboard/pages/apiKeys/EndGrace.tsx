import { Alert, Button, Code, Group, List, Modal, Stack, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import type { ApiKeyDetails, ApiKeySecret } from '../../../../shared/apiKeys.ts';
import { trpc } from '../../api.ts';
import { FormError } from '../../components/states.tsx';
import { hintOf, newestSecretOf, useKeysChanged } from './keys.ts';
import { LastUse } from './LastUse.tsx';

interface EndGraceProps {
  apiKey: ApiKeyDetails;
  /** The secrets in grace. */
  older: ApiKeySecret[];
  opened: boolean;
  onClose: () => void;
}

/** The dialog that cuts off the older secrets of a key. The dialog says who still uses these secrets. */
export function EndGrace({ apiKey, older, opened, onClose }: EndGraceProps) {
  const { id, name, hint, secrets } = apiKey;
  const changed = useKeysChanged();
  const ending = useMutation(
    trpc.keys.endGrace.mutationOptions({
      async onSuccess() {
        notifications.show({ message: 'The older secrets no longer work' });
        close();
        await changed();
      },
    }),
  );
  const close = () => {
    ending.reset();
    onClose();
  };
  const newest = newestSecretOf(apiKey);
  const hasTokens = secrets.some(({ type }) => type === 'token');
  return (
    <Modal opened={opened} onClose={close} title={`End the grace of “${name}”`}>
      <Stack>
        <Alert
          color="red"
          variant="light"
          icon={<IconAlertTriangle />}
          title="Whatever uses an older secret stops working"
        >
          <List size="sm" listStyleType="disc" aria-label="Secrets that stop working">
            {older.map((secret) => (
              <List.Item key={`${secret.createdAt.getTime()} ${secret.hint}`}>
                <OlderSecret id={id} secret={secret} />
              </List.Item>
            ))}
          </List>
          {hasTokens && (
            <Text size="sm" mt="xs">
              The tokens that these secrets minted end with them.
            </Text>
          )}
        </Alert>
        <Text size="sm">
          {newest ? (
            <>
              The newest secret, <Code>{hintOf({ hint })}</Code>, goes on.{' '}
              {newest.lastUsedAt ? <LastUse date={newest.lastUsedAt} /> : 'It was never used so far'}.
            </>
          ) : (
            'No secret of the key is left then. Rotate the key to get a new secret.'
          )}
        </Text>
        <FormError error={ending.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button color="red" loading={ending.isPending} onClick={() => ending.mutate({ id })}>
            End the grace now
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

/** A secret with its holder, its last use, and the place of that use. */
function OlderSecret({ id, secret: { hint, holder, lastUsedAt } }: { id: string; secret: ApiKeySecret }) {
  const { data } = useQuery(trpc.keys.places.queryOptions({ id }));
  const uses = data?.places.flatMap((place) =>
    place.secrets.flatMap((use) => (use.hint === hint ? [{ ...place, lastUsedAt: use.lastUsedAt }] : [])),
  );
  const [place] = uses?.toSorted((one, other) => other.lastUsedAt.getTime() - one.lastUsedAt.getTime()) ?? [];
  return (
    <>
      {hint === null ? 'An older secret' : <Code>{hintOf({ hint })}</Code>}, held by {holder?.name ?? 'the operator'}.{' '}
      <LastUse date={lastUsedAt} />
      {place && `, by ${place.userAgent} from ${place.address}`}.
    </>
  );
}
