import { ActionIcon, Menu } from '@mantine/core';
import { IconDots, IconPencil, IconRefresh, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import type { ApiKey } from '../../../../shared/apiKeys.ts';
import { useSession } from '../../session.ts';
import { EditKey } from './EditKey.tsx';
import { RevokeKey } from './RevokeKey.tsx';
import { RotateKey } from './RotateKey.tsx';

/** The menu of a key: edit, rotate, revoke. */
export function KeyActions({ apiKey }: { apiKey: ApiKey }) {
  const { may } = useSession();
  const [action, setAction] = useState<'edit' | 'rotate' | 'revoke'>();
  const close = () => setAction(undefined);
  if (apiKey.state === 'revoked' && !may('keys:manage')) return null;
  return (
    <>
      <Menu width={200} position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" size="lg" aria-label={`Actions for ${apiKey.name}`}>
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {may('keys:manage') && (
            <Menu.Item leftSection={<IconPencil size={16} />} onClick={() => setAction('edit')}>
              Edit
            </Menu.Item>
          )}
          {may('keys:manage') && apiKey.state !== 'revoked' && (
            <Menu.Item leftSection={<IconRefresh size={16} />} onClick={() => setAction('rotate')}>
              Rotate
            </Menu.Item>
          )}
          {apiKey.state !== 'revoked' && (
            <Menu.Item
              leftSection={<IconTrash size={16} color="var(--mantine-color-red-6)" />}
              onClick={() => setAction('revoke')}
            >
              Revoke
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      <EditKey apiKey={apiKey} opened={action === 'edit'} onClose={close} />
      <RotateKey apiKey={apiKey} opened={action === 'rotate'} onClose={close} />
      <RevokeKey apiKey={apiKey} opened={action === 'revoke'} onClose={close} />
    </>
  );
}
