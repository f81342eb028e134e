import { NavLink, Text } from '@mantine/core';
import { IconAddressBook, IconBuilding, IconHistory, IconKey, IconUserCircle, IconUsers } from '@tabler/icons-react';
import { Link, useLocation } from 'react-router';
import { PATHS } from '../../../shared/paths.ts';
import { useSession } from '../session.ts';

const ICON = { size: 18, stroke: 1.6, 'aria-hidden': true } as const;

/** Links to the pages that the person may open. */
export function Navigation({ onNavigate }: { onNavigate: () => void }) {
  const { pathname } = useLocation();
  const { may, role } = useSession();
  const link = (to: string, label: string, icon: React.ReactNode) => {
    const isHere = pathname === to || pathname.startsWith(`${to}/`);
    return (
      <NavLink
        component={Link}
        to={to}
        label={label}
        leftSection={icon}
        active={isHere}
        onClick={onNavigate}
        {...(isHere && { 'aria-current': 'page' as const })}
      />
    );
  };
  return (
    <>
      {link(PATHS.contacts, 'Contacts', <IconAddressBook {...ICON} />)}
      <Text size="xs" fw={600} c="dimmed" mt="md" mb={4} px="sm">
        Settings
      </Text>
      {link(PATHS.apiKeys, 'API Keys', <IconKey {...ICON} />)}
      {may('keys:manage') && link(PATHS.members, 'Members', <IconUsers {...ICON} />)}
      {may('keys:manage') && link(PATHS.auditLog, 'Audit log', <IconHistory {...ICON} />)}
      {role === 'owner' && link(PATHS.organization, 'Organization', <IconBuilding {...ICON} />)}
      {link(PATHS.account, 'Account', <IconUserCircle {...ICON} />)}
    </>
  );
}
