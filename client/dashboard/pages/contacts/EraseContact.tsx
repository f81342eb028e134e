import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import type { Contact } from '../../../../shared/contacts.ts';
import { client } from '../../api.ts';
import { FormError } from '../../components/states.tsx';
import { useContactLists } from './lists.ts';

/** Erases a contact after a question, because an erasure cannot be undone. For owners and admins. */
export function EraseContact({ contact: { id, name }, onErased }: { contact: Contact; onErased: () => void }) {
  const lists = useContactLists();
  const [isAsking, setAsking] = useState(false);
  const erasing = useMutation({
    mutationFn: () => client.contacts.erase.mutate({ ids: [id] }),
    onSuccess() {
      onErased();
      lists.remove(id);
      notifications.show({ message: `“${name}” is erased` });
    },
  });
  return (
    <>
      <Button variant="subtle" color="red" onClick={() => setAsking(true)}>
        Erase…
      </Button>
      <Modal opened={isAsking} onClose={() => setAsking(false)} title={`Erase “${name}”`}>
        <Stack>
          <Text size="sm">
            Everything that is kept of this contact is taken out of the database, at once and for good. A contact that
            is only deleted can be restored; an erased contact cannot.
          </Text>
          <FormError error={erasing.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setAsking(false)}>
              Cancel
            </Button>
            <Button color="red" loading={erasing.isPending} onClick={() => erasing.mutate()}>
              Erase for good
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
