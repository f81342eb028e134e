import { Badge, Button, Group, Table, Text, Title } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { Invitation } from '../../../../shared/people.ts';
import { sentenceOf, trpc } from '../../api.ts';
import { RelativeTime } from '../../components/RelativeTime.tsx';

/** The invitations that are not accepted yet. */
export function Invitations({ invitations }: { invitations: Invitation[] }) {
  const queries = useQueryClient();
  const common = {
    onError: (error: unknown) => notifications.show({ color: 'red', message: sentenceOf(error) }),
    onSettled: () => queries.invalidateQueries({ queryKey: trpc.members.pathKey() }),
  };
  const cancelling = useMutation(trpc.members.cancelInvitation.mutationOptions(common));
  const inviting = useMutation(
    trpc.members.invite.mutationOptions({
      ...common,
      onSuccess: ({ email }) => notifications.show({ message: `${email} is sent a new link` }),
    }),
  );
  return (
    <section>
      <Title order={2} size="h4" mb="sm">
        Invitations
      </Title>
      <Table.ScrollContainer minWidth={640}>
        <Table verticalSpacing="sm" aria-label="Invitations">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Address</Table.Th>
              <Table.Th>Role</Table.Th>
              <Table.Th>Invited</Table.Th>
              <Table.Th>Expires</Table.Th>
              <Table.Th>Invitation</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {invitations.map(({ id, email, role, state, invitedBy, createdAt, expiresAt }) => (
              <Table.Tr key={id}>
                <Table.Td>{email}</Table.Td>
                <Table.Td>{role}</Table.Td>
                <Table.Td>
                  <RelativeTime date={createdAt} />
                  <Text size="xs" c="dimmed">
                    {invitedBy && `by ${invitedBy}`}
                  </Text>
                </Table.Td>
                <Table.Td>
                  {state === 'expired' ? (
                    <Badge color="gray" variant="dot">
                      Expired
                    </Badge>
                  ) : (
                    <RelativeTime date={expiresAt} />
                  )}
                </Table.Td>
                <Table.Td>
                  <Group gap="xs" wrap="nowrap">
                    <Button
                      size="xs"
                      variant="default"
                      aria-label={`Send ${email} a new link`}
                      onClick={() => inviting.mutate({ email, role })}
                    >
                      Send anew
                    </Button>
                    <Button
                      size="xs"
                      variant="subtle"
                      color="red"
                      aria-label={`Take back the invitation of ${email}`}
                      onClick={() => cancelling.mutate({ id })}
                    >
                      Take back
                    </Button>
                  </Group>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </section>
  );
}
