import { Badge, Button, Group, Paper, Stack, Table, Text, TextInput, Title, VisuallyHidden } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { PATHS } from '../../../../shared/paths.ts';
import { trpc } from '../../api.ts';
import { type AccountSession, auth } from '../../auth.ts';
import { PageHeader } from '../../components/PageHeader.tsx';
import { NewPasswordField, PasswordField } from '../../components/PasswordField.tsx';
import { RelativeTime } from '../../components/RelativeTime.tsx';
import { ErrorState, FormError, RowsLoading } from '../../components/states.tsx';
import { useForm } from '../../components/useForm.ts';
import { canUsePasskeys } from '../../passkeys.ts';
import { useSession } from '../../session.ts';
import { Passkeys } from './factor/Passkeys.tsx';
import { SecondFactor } from './factor/SecondFactor.tsx';

export default function Account() {
  return (
    <>
      <PageHeader title="Account">You, in every organization that you are a member of.</PageHeader>
      <Stack maw={640}>
        <Profile />
        <Password />
        <SecondFactor />
        {canUsePasskeys && <Passkeys />}
        <Sessions />
      </Stack>
    </>
  );
}

function Profile() {
  const { person } = useSession();
  const queries = useQueryClient();
  const form = useForm<'name'>(async ({ name }) => {
    await auth.rename(name.trim());
    await queries.invalidateQueries({ queryKey: trpc.session.current.queryKey() });
    notifications.show({ message: 'Your name is saved' });
  });
  return (
    <Paper withBorder p="md" component="section">
      <form onSubmit={form.onSubmit}>
        <Stack>
          <Title order={2} size="h4">
            Profile
          </Title>
          <FormError error={form.error} />
          <TextInput label="Email" value={person.email} readOnly />
          <TextInput label="Name" name="name" defaultValue={person.name} required maxLength={100} autoComplete="name" />
          <Group>
            <Button type="submit" variant="default" loading={form.isPending}>
              Save
            </Button>
          </Group>
        </Stack>
      </form>
    </Paper>
  );
}

function Password() {
  const { person } = useSession();
  const queries = useQueryClient();
  const form = useForm<'password' | 'new-password'>(async ({ password, 'new-password': changed }) => {
    await auth.changePassword(password, changed);
    await queries.invalidateQueries({ queryKey: ['sessions'] });
    notifications.show({ message: 'The password is changed; every other session is signed out' });
  });
  return (
    <Paper withBorder p="md" component="section">
      <form onSubmit={form.onSubmit}>
        <Stack>
          <Title order={2} size="h4">
            Password
          </Title>
          <FormError error={form.error} />
          <input type="hidden" name="username" autoComplete="username" value={person.email} readOnly />
          <PasswordField label="Current password" />
          <NewPasswordField label="New password" />
          <Group>
            <Button type="submit" variant="default" loading={form.isPending}>
              Change the password
            </Button>
          </Group>
        </Stack>
      </form>
    </Paper>
  );
}

function Sessions() {
  const queries = useQueryClient();
  const sessions = useQuery({ queryKey: ['sessions'], queryFn: auth.listSessions });
  const current = useQuery({ queryKey: ['account'], queryFn: auth.getSession });
  const ending = useMutation({
    mutationFn: ({ token }: AccountSession) => auth.revokeSession(token),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['sessions'] }),
  });
  const everywhere = useMutation({
    mutationFn: async () => auth.signOutEverywhere().then(() => window.location.assign(PATHS.signIn)),
  });
  return (
    <Paper withBorder p="md" component="section">
      <Stack>
        <Group justify="space-between">
          <Title order={2} size="h4">
            Sessions
          </Title>
          <Button variant="default" loading={everywhere.isPending} onClick={() => everywhere.mutate()}>
            Sign out everywhere
          </Button>
        </Group>
        <FormError error={ending.error ?? everywhere.error} />
        {sessions.isPending && <RowsLoading rows={2} />}
        {sessions.error && <ErrorState error={sessions.error} onRetry={() => sessions.refetch()} />}
        {sessions.data && (
          <Table.ScrollContainer minWidth={420}>
            <Table verticalSpacing="sm">
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Where</Table.Th>
                  <Table.Th>Signed in</Table.Th>
                  <Table.Th>
                    <VisuallyHidden>What to do</VisuallyHidden>
                  </Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {sessions.data.map((session) => (
                  <Table.Tr key={session.id}>
                    <Table.Td>
                      <Text size="sm">{session.userAgent ?? 'Unknown program'}</Text>
                      <Text size="xs" c="dimmed">
                        {session.ipAddress}
                      </Text>
                    </Table.Td>
                    <Table.Td>
                      <RelativeTime date={new Date(session.createdAt)} />
                    </Table.Td>
                    <Table.Td ta="right">
                      {session.id === current.data?.session.id ? (
                        <Badge variant="default">This one</Badge>
                      ) : (
                        <Button size="xs" variant="subtle" onClick={() => ending.mutate(session)}>
                          Sign out
                        </Button>
                      )}
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
      </Stack>
    </Paper>
  );
}
