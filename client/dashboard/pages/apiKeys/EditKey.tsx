import { Button, Group, Modal, Stack } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import type { ApiKey } from '../../../../shared/apiKeys.ts';
import { client } from '../../api.ts';
import { FormError } from '../../components/states.tsx';
import { useForm } from '../../components/useForm.ts';
import { useKeysChanged } from './keys.ts';
import { LimitFields } from './LimitFields.tsx';
import { SettingsFields } from './SettingsFields.tsx';
import { changesOf, FIELDS_WITH_ISSUES, settingsOf } from './settings.ts';

interface KeyDialogProps {
  apiKey: ApiKey;
  opened: boolean;
  onClose: () => void;
}

/** The dialog that changes a key's name and settings. */
export const EditKey = ({ apiKey, opened, onClose }: KeyDialogProps) => (
  <Modal opened={opened} onClose={onClose} title={`Edit “${apiKey.name}”`} size="lg">
    <EditForm apiKey={apiKey} onClose={onClose} />
  </Modal>
);

function EditForm({ apiKey, onClose }: Omit<KeyDialogProps, 'opened'>) {
  const changed = useKeysChanged();
  const form = useForm<string>(async (fields) => {
    const settings = settingsOf(fields);
    // Only what changed is sent: a setting that somebody else changes meanwhile stays.
    const changes = changesOf(apiKey, settings);
    if (Object.keys(changes).length > 0) {
      await client.keys.update.mutate({ id: apiKey.id, ...changes });
      notifications.show({ message: `“${settings.name}” is changed` });
      await changed();
    }
    onClose();
  });
  return (
    <form onSubmit={form.onSubmit}>
      <Stack>
        <FormError error={form.error} fields={FIELDS_WITH_ISSUES} />
        <SettingsFields apiKey={apiKey} error={form.error} />
        <LimitFields apiKey={apiKey} error={form.error} sent={form.sent && settingsOf(form.sent)} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={form.isPending}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
