import { Button, Group, Modal, Radio, Stack, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useQueryClient } from '@tanstack/react-query';
import type { Role } from '../../../../shared/people.ts';
import { mayGive, ROLES } from '../../../../shared/roles.ts';
import { client, trpc } from '../../api.ts';
import { FormError } from '../../components/states.tsx';
import { useForm } from '../../components/useForm.ts';
import { useSession } from '../../session.ts';

const WORDS: Record<Role, string> = {
  member: 'Reads and changes contacts',
  admin: 'And manages keys and members',
  owner: 'And makes and removes other owners',
};

export function InviteMember({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { role: own } = useSession();
  const queries = useQueryClient();
  const form = useForm<'email' | 'role'>(async ({ email, role }) => {
    const invitation = await client.members.invite.mutate({ email, role: role as Role }).finally(() =>
      // The invitation exists even where the mail was not sent.
      queries.invalidateQueries({ queryKey: trpc.members.pathKey() }),
    );
    notifications.show({ message: `${invitation.email} is invited` });
    onClose();
  });
  return (
    <Modal opened={opened} onClose={onClose} title="Invite to your organization">
      <form onSubmit={form.onSubmit}>
        <Stack>
          <FormError error={form.error} />
          <TextInput label="Email" name="email" type="email" required data-autofocus autoComplete="off" />
          <Radio.Group label="Role" name="role" defaultValue="member">
            <Stack gap="xs" mt="xs">
              {ROLES.filter((role) => mayGive(own, role)).map((role) => (
                <Radio key={role} value={role} label={role} description={WORDS[role]} />
              ))}
            </Stack>
          </Radio.Group>
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={form.isPending}>
              Send the invitation
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
