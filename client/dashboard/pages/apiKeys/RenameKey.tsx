import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { ApiKey } from '../../../../shared/apiKeys.ts';
import { client } from '../../api.ts';
import { FormError } from '../../components/states.tsx';
import { useForm } from '../../components/useForm.ts';
import { useKeysChanged } from './keys.ts';

interface KeyDialogProps {
  apiKey: ApiKey;
  opened: boolean;
  onClose: () => void;
}

export function RenameKey({ apiKey: { id, name }, opened, onClose }: KeyDialogProps) {
  const changed = useKeysChanged();
  const renaming = useMutation({
    mutationFn: async (changedName: string) => {
      await client.keys.rename.mutate({ id, name: changedName });
      await changed();
    },
    onSuccess: onClose,
  });
  const form = useForm<'name'>(({ name: changedName }) => renaming.mutateAsync(changedName));
  return (
    <Modal opened={opened} onClose={onClose} title={`Rename “${name}”`}>
      <form onSubmit={form.onSubmit}>
        <Stack>
          <FormError error={form.error} />
          <TextInput
            label="Name"
            name="name"
            defaultValue={name}
            required
            maxLength={100}
            data-autofocus
            autoComplete="off"
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={form.isPending}>
              Rename
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
