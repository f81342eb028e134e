import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { isNameTyped } from '../../../../shared/organizations.ts';
import { PATHS } from '../../../../shared/paths.ts';
import { client } from '../../api.ts';
import { FormError } from '../../components/states.tsx';
import { useSession } from '../../session.ts';

/** Deletes the organization, once the owner has typed its name. */
export function DeleteOrganization({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const { organization } = useSession();
  const [typed, setTyped] = useState('');
  const isTyped = isNameTyped(typed, organization.name);
  const navigate = useNavigate();
  const deletion = useMutation({
    mutationFn: () => client.organization.delete.mutate({ name: typed }),
    onSuccess: (deleted) => navigate(PATHS.organizationDeleted, { replace: true, state: deleted }),
  });
  const close = () => {
    if (deletion.isPending) return;
    setTyped('');
    deletion.reset();
    onClose();
  };
  return (
    <Modal opened={isOpen} onClose={close} title={`Delete “${organization.name}”`}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (isTyped && !deletion.isPending) deletion.mutate();
        }}
      >
        <Stack>
          <Text size="sm">From the next request on, every API key and every session of it is refused.</Text>
          <FormError error={deletion.error} />
          <TextInput
            label="Type the name of the organization"
            description={organization.name}
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            autoComplete="off"
            spellCheck={false}
            data-autofocus
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={close} disabled={deletion.isPending}>
              Cancel
            </Button>
            <Button type="submit" color="red" disabled={!isTyped} loading={deletion.isPending}>
              Delete the organization
            </Button>
          </Group>
          {deletion.isPending && (
            <Text size="sm" role="status">
              The organization is being deleted…
            </Text>
          )}
        </Stack>
      </form>
    </Modal>
  );
}
