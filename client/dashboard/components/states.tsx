import { Alert, Button, Group, Skeleton, Stack, Text, ThemeIcon, Title } from '@mantine/core';
import { IconAlertCircle } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { issuesIn, sentenceOf } from '../api.ts';

/** An alert that something could not be loaded, with a button to try again. */
export function ErrorState({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  return (
    <Alert role="alert" color="red" variant="light" icon={<IconAlertCircle />} title="This could not be loaded">
      <Group justify="space-between">
        <Text size="sm">{sentenceOf(error)}</Text>
        {onRetry && (
          <Button size="xs" variant="default" onClick={onRetry}>
            Try again
          </Button>
        )}
      </Group>
    </Alert>
  );
}

interface EmptyStateProps {
  icon: ReactNode;
  title: string;
  children: ReactNode;
  action?: ReactNode;
}

/** A text in place of an empty list: the purpose of the list, and how to begin. */
export function EmptyState({ icon, title, children, action }: EmptyStateProps) {
  return (
    <Stack align="center" gap="xs" py={64} ta="center">
      <ThemeIcon size={48} radius="xl" variant="light">
        {icon}
      </ThemeIcon>
      <Title order={2} size="h4">
        {title}
      </Title>
      <Text c="dimmed" maw={420}>
        {children}
      </Text>
      {action}
    </Stack>
  );
}

/** Placeholders, as many as rows are expected, so that nothing moves when the rows come. `height` is in pixels. */
export function RowsLoading({ rows = 5, height = 44 }: { rows?: number; height?: number }) {
  return (
    <Stack gap={8} role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: all placeholders are the same
        <Skeleton key={index} height={height} />
      ))}
    </Stack>
  );
}

interface FormErrorProps {
  error: unknown;
  /** The names of the fields that show the issues of their own. */
  fields?: readonly string[];
}

/** An alert that says why a form was refused; nothing where there is no error, or where the fields say everything. */
export function FormError({ error, fields = [] }: FormErrorProps) {
  const issues = issuesIn(error);
  if (!error || (issues.length > 0 && issues.every(({ path: [name] }) => fields.includes(String(name))))) return null;
  return (
    <Alert role="alert" color="red" variant="light" icon={<IconAlertCircle />}>
      {sentenceOf(error)}
    </Alert>
  );
}
