import { Alert, Button, Group, Modal, Stack } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { PATHS } from '../../../../shared/paths.ts';
import type { Member, MemberRemoved } from '../../../../shared/people.ts';
import { trpc } from '../../api.ts';
import { ErrorState, FormError, RowsLoading } from '../../components/states.tsx';
import { useSession } from '../../session.ts';
import { allKeys } from '../apiKeys/keys.ts';
import { fatesOf } from './fates.ts';
import { HeldKeys } from './HeldKeys.tsx';

/** A button and its dialog, which ends a membership and asks which of the keys that the person holds go on working. */
export function RemoveMember({ member }: { member: Member }) {
  const { person } = member;
  const { person: self } = useSession();
  const [isOpen, { open, close }] = useDisclosure();
  const isSelf = person.id === self.id;
  const title = isSelf ? 'Leave the organization' : `Remove ${person.email}`;
  return (
    <>
      <Button size="xs" variant="subtle" color="red" aria-label={title} onClick={open}>
        {isSelf ? 'Leave' : 'Remove'}
      </Button>
      <Modal opened={isOpen} onClose={close} title={title} size="lg">
        <Removal member={member} isSelf={isSelf} onClose={close} />
      </Modal>
    </>
  );
}

interface RemovalProps {
  member: Member;
  isSelf: boolean;
  onClose: () => void;
}

function Removal({ member: { id, person }, isSelf, onClose }: RemovalProps) {
  const queries = useQueryClient();
  const [kept, setKept] = useState<string[]>([]);
  // Whoever decides sees the present state, not a state from before a rotation.
  const held = useQuery({ ...trpc.members.keys.queryOptions({ id }), staleTime: 0 });
  const keys = useQuery({ ...allKeys(), staleTime: 0 });
  const error = held.error ?? keys.error;
  const removing = useMutation(
    trpc.members.remove.mutationOptions({
      async onSuccess(removed) {
        // The browser loads a new page, so that nothing of the former organization is left.
        if (isSelf) return window.location.assign(PATHS.home);
        notifications.show({ message: `${person.email} is removed${describeKeys(removed)}` });
        onClose();
        await queries.invalidateQueries();
      },
    }),
  );
  return (
    <Stack>
      <Alert color="red" variant="light" icon={<IconAlertTriangle />}>
        {isSelf ? 'You lose access at once, and are' : `${person.name} loses access at once, and is`} signed out of this
        organization.
      </Alert>
      {(held.isPending || keys.isPending) && <RowsLoading rows={2} />}
      {error && <ErrorState error={error} onRetry={() => Promise.all([held.refetch(), keys.refetch()])} />}
      {held.data && keys.data && (
        <HeldKeys
          fates={fatesOf({ held: held.data.keys, kept, keys: keys.data })}
          {...(!isSelf && { onKeep: setKept })}
        />
      )}
      <FormError error={removing.error} />
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button
          color="red"
          disabled={!held.data || !keys.data}
          loading={removing.isPending}
          onClick={() => removing.mutate({ id, keepKeys: kept })}
        >
          {isSelf ? 'Leave' : 'Remove'}
        </Button>
      </Group>
    </Stack>
  );
}

/** What became of the keys: `; keys: 1 ended, 2 kept`. Nothing where the person held no key. */
function describeKeys({ revokedKeys, keptKeys, sharedKeys }: MemberRemoved): string {
  const counts: [keys: string[], what: string][] = [
    [revokedKeys, 'ended'],
    [keptKeys, 'kept'],
    [sharedKeys, 'with others'],
  ];
  const parts = counts.flatMap(([{ length }, what]) => (length > 0 ? [`${length} ${what}`] : []));
  return parts.length > 0 ? `; keys: ${parts.join(', ')}` : '';
}
