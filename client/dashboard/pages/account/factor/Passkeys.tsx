import { Button, Group, Paper, Stack, Text, TextInput, Title } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { auth, type Passkey } from '../../../auth.ts';
import { RelativeTime } from '../../../components/RelativeTime.tsx';
import { ErrorState, FormError, RowsLoading } from '../../../components/states.tsx';
import { useForm } from '../../../components/useForm.ts';
import { addPasskey, removePasskey, usePasskeys } from '../../../passkeys.ts';

/** The part of a page where a person adds, renames and removes passkeys. */
export function Passkeys() {
  const { data, error, isPending, refetch } = usePasskeys();
  return (
    <Paper withBorder p="md" component="section">
      <Stack>
        <Title order={2} size="h4">
          Passkeys
        </Title>
        <Text size="sm">
          A passkey on your phone, your computer or a security key signs you in without the password and without a code:
          the device checks that it is you.
        </Text>
        {isPending && <RowsLoading rows={1} />}
        {error && <ErrorState error={error} onRetry={() => refetch()} />}
        {data && data.length > 0 && (
          <Stack component="ul" gap="sm" m={0} p={0} style={{ listStyle: 'none' }} aria-label="Your passkeys">
            {data.map((passkey) => (
              <PasskeyRow key={passkey.id} passkey={passkey} onChange={refetch} />
            ))}
          </Stack>
        )}
        {data && <AddPasskey onAdded={refetch} />}
      </Stack>
    </Paper>
  );
}

type Change = () => Promise<unknown>;

function AddPasskey({ onAdded }: { onAdded: Change }) {
  const [isOpen, setIsOpen] = useState(false);
  const form = useForm<'passkey-name'>(async ({ 'passkey-name': name }) => {
    await addPasskey(name.trim());
    await onAdded();
    setIsOpen(false);
    notifications.show({ message: 'The passkey is added' });
  });
  if (!isOpen) {
    return (
      <Group>
        <Button variant="default" onClick={() => setIsOpen(true)}>
          Add a passkey
        </Button>
      </Group>
    );
  }
  return (
    <form onSubmit={form.onSubmit}>
      <Stack>
        <FormError error={form.error} />
        <TextInput
          label="Name of the passkey"
          name="passkey-name"
          description="To tell your passkeys apart, such as “Phone”"
          required
          maxLength={100}
          autoComplete="off"
          autoFocus
        />
        <Group>
          <Button type="submit" loading={form.isPending}>
            Make the passkey
          </Button>
          <Button variant="default" onClick={() => setIsOpen(false)}>
            Cancel
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function PasskeyRow({ passkey, onChange }: { passkey: Passkey; onChange: Change }) {
  const [choice, setChoice] = useState<'rename' | 'remove'>();
  const form = useForm<'passkey-name'>(async ({ 'passkey-name': name = '' }) => {
    if (choice === 'rename') await auth.renamePasskey(passkey.id, name.trim());
    else await removePasskey(passkey.id);
    await onChange();
    setChoice(undefined);
  });
  if (choice === undefined) {
    return (
      <Group component="li" justify="space-between" gap="xs">
        <div>
          <Text size="sm" fw={500} style={{ overflowWrap: 'anywhere' }}>
            {passkey.name}
          </Text>
          <Text size="xs" c="dimmed">
            Added <RelativeTime date={new Date(passkey.createdAt)} />
            {passkey.lastUsedAt ? (
              <>
                , last used <RelativeTime date={new Date(passkey.lastUsedAt)} />
              </>
            ) : (
              ', not used yet'
            )}
          </Text>
        </div>
        <Group gap="xs">
          <Button size="xs" variant="subtle" aria-label={`Rename ${passkey.name}`} onClick={() => setChoice('rename')}>
            Rename
          </Button>
          <Button
            size="xs"
            variant="subtle"
            color="red"
            aria-label={`Remove ${passkey.name}`}
            onClick={() => setChoice('remove')}
          >
            Remove
          </Button>
        </Group>
      </Group>
    );
  }
  return (
    <li>
      <form onSubmit={form.onSubmit}>
        <Stack gap="sm">
          <FormError error={form.error} />
          {choice === 'rename' ? (
            <TextInput
              label="Name of the passkey"
              name="passkey-name"
              defaultValue={passkey.name}
              required
              maxLength={100}
              autoComplete="off"
              autoFocus
            />
          ) : (
            <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
              Remove “{passkey.name}”? It no longer signs you in. Delete it on the device too.
            </Text>
          )}
          <Group>
            <Button type="submit" {...(choice === 'remove' && { color: 'red' })} loading={form.isPending}>
              {choice === 'rename' ? 'Save' : 'Remove the passkey'}
            </Button>
            <Button variant="default" onClick={() => setChoice(undefined)}>
              Cancel
            </Button>
          </Group>
        </Stack>
      </form>
    </li>
  );
}
