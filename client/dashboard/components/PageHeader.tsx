import { Group, Stack, Text, Title } from '@mantine/core';
import { type ReactNode, useEffect } from 'react';

interface PageHeaderProps {
  title: string;
  /** A sentence on the page's purpose. */
  children?: ReactNode;
  /** Buttons, at the end of the heading's line. */
  actions?: ReactNode;
}

/** The heading of a page, and the document's title. */
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

/** Sets the title of the browser's tab: `API Keys · Introzy`. */
export function useDocumentTitle(title: string) {
  useEffect(() => {
    document.title = `${title} · Introzy`;
  }, [title]);
}
