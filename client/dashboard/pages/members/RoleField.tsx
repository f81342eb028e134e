import { Loader, NativeSelect, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { Member, Role } from '../../../../shared/people.ts';
import { mayGive, ROLES } from '../../../../shared/roles.ts';
import { client, sentenceOf, trpc } from '../../api.ts';
import { useSession } from '../../session.ts';
import { DemoteMember, type Demotion } from './DemoteMember.tsx';

/** The role of a member, which may be changed. A demotion that takes scopes from keys is confirmed first. */
export function RoleField({ member: { id, person, role: former } }: { member: Member }) {
  const { role: own } = useSession();
  const [demotion, setDemotion] = useState<Demotion>({ role: former, keys: [] });
  const [isConfirming, { open, close }] = useDisclosure();
  const queries = useQueryClient();
  const onError = (error: unknown) =>
    notifications.show({ color: 'red', title: 'The role is unchanged', message: sentenceOf(error) });
  const changing = useMutation(
    trpc.members.changeRole.mutationOptions({
      onSuccess: ({ role }) => notifications.show({ message: `${person.email} is ${role} now` }),
      onError,
      onSettled() {
        close();
        // The person may have changed their own role, on which every page depends.
        return queries.invalidateQueries();
      },
    }),
  );
  const asking = useMutation({
    mutationFn: (role: Role) => client.members.keys.query({ id, role }),
    onError,
    onSuccess({ keys }, role) {
      const losing = keys.filter(({ loses }) => loses.length > 0);
      if (losing.length === 0) return changing.mutate({ id, role });
      setDemotion({ role, keys: losing });
      open();
    },
  });
  const isBusy = asking.isPending || changing.isPending;
  const choose = (role: Role) => {
    if (isBusy) return;
    const isPromotion = mayGive(role, former);
    if (isPromotion) changing.mutate({ id, role });
    else asking.mutate(role);
  };
  if (!mayGive(own, former)) return <Text size="sm">{former}</Text>;
  return (
    <>
      {/* Never disabled: a disabled field would lose the focus, to which the dialog leads back. */}
      <NativeSelect
        aria-label={`Role of ${person.email}`}
        aria-busy={isBusy}
        w={130}
        data={ROLES.filter((role) => mayGive(own, role))}
        value={former}
        rightSection={isBusy ? <Loader size={16} /> : undefined}
        onChange={(event) => choose(event.currentTarget.value as Role)}
      />
      {/* Mounted before it opens: only then does the dialog know the field, to which it returns the focus. */}
      <DemoteMember
        person={person}
        demotion={demotion}
        opened={isConfirming}
        isPending={changing.isPending}
        onConfirm={() => changing.mutate({ id, role: demotion.role })}
        onClose={close}
      />
    </>
  );
}
