import { Anchor, Center, Group, Image, Paper, Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { useDocumentTitle } from '../components/PageHeader.tsx';
import icon from '../icon.svg';

interface AccountCardProps {
  title: string;
  /** A sentence under the title. */
  text?: ReactNode;
  children: ReactNode;
  links?: { to: string; label: string }[];
}

/** The frame of a page outside `Shell`: sign-in, sign-up, invitation, the choice of an organization. */
export function AccountCard({ title, text, children, links = [] }: AccountCardProps) {
  useDocumentTitle(title);
  return (
    <Center component="main" mih="100dvh" p="md">
      <Paper withBorder radius="md" p={{ base: 'md', xs: 'xl' }} w="100%" maw={420}>
        <Stack>
          <Group gap="xs">
            <Image src={icon} alt="" w={28} h={28} />
            <Text fw={600}>Introzy</Text>
          </Group>
          <Title order={1} size="h3">
            {title}
          </Title>
          {text && <Text c="dimmed">{text}</Text>}
          {children}
          {links.map(({ to, label }) => (
            <Anchor key={to} component={Link} to={to} size="sm" underline="always">
              {label}
            </Anchor>
          ))}
        </Stack>
      </Paper>
    </Center>
  );
}
