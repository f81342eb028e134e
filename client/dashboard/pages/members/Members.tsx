import { Badge, Button, Stack, Table, Text, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconUserPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { Member } from '../../../../shared/people.ts';
import { mayGive } from '../../../../shared/roles.ts';
import { trpc } from '../../api.ts';
import { PageHeader } from '../../components/PageHeader.tsx';
import { RelativeTime } from '../../components/RelativeTime.tsx';
import { ErrorState, RowsLoading } from '../../components/states.tsx';
import { useSession } from '../../session.ts';
import { Invitations } from './Invitations.tsx';
import { InviteMember } from './InviteMember.tsx';
import { RemoveMember } from './RemoveMember.tsx';
import { RequiredFactor } from './RequiredFactor.tsx';
import { RoleField } from './RoleField.tsx';

export default function Members() {
  const { role } = useSession();
  const [isInviting, { open, close }] = useDisclosure();
  const { data, error, isPending, refetch } = useQuery(trpc.members.list.queryOptions());
  return (
    <>
      <PageHeader
        title="Members"
        actions={
          <Button leftSection={<IconUserPlus size={16} />} onClick={open}>
            Invite
          </Button>
        }
      >
        Owners and admins manage keys and members; members read and change contacts.
      </PageHeader>
      {isPending && <RowsLoading rows={4} height={56} />}
      {error && <ErrorState error={error} onRetry={() => refetch()} />}
      {data && (
        <Stack gap="xl">
          {role === 'owner' && <RequiredFactor />}
          <MemberTable members={data.members} />
          {data.invitations.length > 0 && <Invitations invitations={data.invitations} />}
        </Stack>
      )}
      <InviteMember opened={isInviting} onClose={close} />
    </>
  );
}

function MemberTable({ members }: { members: Member[] }) {
  const { person: self, role: own } = useSession();
  return (
    <section>
      <Title order={2} size="h4" mb="sm">
        {members.length === 1 ? 'One member' : `${members.length} members`}
      </Title>
      <Table.ScrollContainer minWidth={640}>
        <Table verticalSpacing="sm" aria-label="Members">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Person</Table.Th>
              <Table.Th>Role</Table.Th>
              <Table.Th>Joined</Table.Th>
              <Table.Th>Access</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {members.map((member) => (
              <Table.Tr key={member.id}>
                <Table.Td>
                  <Text size="sm" fw={500}>
                    {member.person.name} {member.person.id === self.id && <Badge variant="default">You</Badge>}
                  </Text>
                  <Text size="xs" c="dimmed">
                    {member.person.email}
                  </Text>
                </Table.Td>
                <Table.Td>
                  <RoleField member={member} />
                </Table.Td>
                <Table.Td>
                  <RelativeTime date={member.joinedAt} />
                </Table.Td>
                <Table.Td>{mayGive(own, member.role) && <RemoveMember member={member} />}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </section>
  );
}
