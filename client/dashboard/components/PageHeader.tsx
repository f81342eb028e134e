import { Group, Stack, Text, Title } from '@mantine/core';
import { type ReactNode, useEffect } from 'react';

interface PageHeaderProps {
  title: string;
  /** A sentence on what the page is for. */
  children?: ReactNode;
  /** Buttons, at the other end. */
  actions?: ReactNode;
}

/** The heading of a page, which is also the document's title. */
export function PageHeader({ title, children, actions }: PageHeaderProps) {
  useDocumentTitle(title);
  return (
    <Group justify="space-between" align="flex-start" mb="lg">
      <Stack gap={4} maw={640}>
        <Title order={1} size="h2">
          {title}
        </Title>
        {children && <Text c="dimmed">{children}</Text>}
      </Stack>
      {actions && <Group gap="sm">{actions}</Group>}
    </Group>
  );
}

/** Says in the browser's tab where one is. */
export function useDocumentTitle(title: string) {
  useEffect(() => {
    document.title = `${title} · Introzy`;
  }, [title]);
}
