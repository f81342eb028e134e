import { Button, Menu, Text } from '@mantine/core';
import { IconCheck, IconSelector } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { PATHS } from '../../../shared/paths.ts';
import { auth } from '../auth.ts';
import { useSession } from '../session.ts';

/** The organization that the pages are about, and a menu of the person's other organizations. */
export function OrganizationMenu() {
  const { organization } = useSession();
  const { data: all = [] } = useQuery({
    queryKey: ['organizations'],
    queryFn: auth.listOrganizations,
    staleTime: 300_000,
  });
  // The browser loads a new page, so that nothing of the former organization is left.
  const choice = useMutation({
    mutationFn: async (id: string) => auth.setActive(id).then(() => window.location.assign(PATHS.home)),
  });
  if (all.length < 2) {
    return (
      <Text size="sm" c="dimmed" truncate>
        {organization.name}
      </Text>
    );
  }
  return (
    <Menu width={260}>
      <Menu.Target>
        <Button variant="subtle" size="compact-sm" rightSection={<IconSelector size={14} />} miw={0}>
          <Text size="sm" truncate>
            {organization.name}
          </Text>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Organizations</Menu.Label>
        {all.map(({ id, name }) => (
          <Menu.Item
            key={id}
            rightSection={id === organization.id ? <IconCheck size={14} aria-label="This one" /> : null}
            onClick={() => choice.mutate(id)}
          >
            {name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
