import { Button, Group, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { Contact } from '../../../../shared/contacts.ts';
import { client, describeError, trpc } from '../../api.ts';

/** Milliseconds that the way back is shown. */
const UNDO_FOR = 10_000;

/** Deletes a contact, at once: it can be undone. */
export function DeleteContact({ contact: { id, name }, onDeleted }: { contact: Contact; onDeleted: () => void }) {
  const queries = useQueryClient();
  const refresh = () => queries.invalidateQueries({ queryKey: trpc.contacts.pathKey() });
  const fail = (error: unknown) => notifications.show({ color: 'red', message: describeError(error) });
  const restore = async (notice: string) => {
    notifications.hide(notice);
    await client.contacts.restore.mutate({ id }).catch(fail);
    await refresh();
  };
  const deleting = useMutation({
    mutationFn: () => client.contacts.delete.mutate({ id }),
    async onSuccess() {
      onDeleted();
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
      await refresh();
    },
    onError: fail,
  });
  return (
    <Button variant="subtle" color="red" loading={deleting.isPending} onClick={() => deleting.mutate()}>
      Delete
    </Button>
  );
}
