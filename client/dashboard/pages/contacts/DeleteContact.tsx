import { Button, Group, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMutation } from '@tanstack/react-query';
import type { Contact } from '../../../../shared/contacts.ts';
import { client, sentenceOf } from '../../api.ts';
import { useContactLists } from './lists.ts';

/** Milliseconds that the notice with the undo button is shown. */
const UNDO_FOR = 10_000;

/** Deletes a contact without a question, because deleting can be undone. */
export function DeleteContact({ contact: { id, name }, onDeleted }: { contact: Contact; onDeleted: () => void }) {
  const lists = useContactLists();
  const fail = (error: unknown) => notifications.show({ color: 'red', message: sentenceOf(error) });
  const restore = async (notice: string) => {
    notifications.hide(notice);
    await client.contacts.restore.mutate({ id }).then(lists.putBack, fail);
  };
  const deleting = useMutation({
    mutationFn: () => client.contacts.delete.mutate({ id }),
    onSuccess() {
      onDeleted();
      lists.remove(id);
      const notice = `deleted ${id}`;
      notifications.show({
        id: notice,
        autoClose: UNDO_FOR,
        closeButtonProps: { 'aria-label': 'Close' },
        message: (
          <Group justify="space-between" wrap="nowrap">
            <Text size="sm" truncate>
              “{name}” is deleted
            </Text>
            <Button size="xs" variant="light" onClick={() => restore(notice)}>
              Undo
            </Button>
          </Group>
        ),
      });
    },
    onError: fail,
  });
  return (
    <Button variant="subtle" color="red" loading={deleting.isPending} onClick={() => deleting.mutate()}>
      Delete
    </Button>
  );
}
