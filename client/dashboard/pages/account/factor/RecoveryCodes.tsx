import { Alert, Button, Code, Group, Stack } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { CopyText } from '../../../components/CopyText.tsx';

/** Shows fresh recovery codes, which are in this page's memory and nowhere else. */
export function RecoveryCodes({ codes, onKept }: { codes: string[]; onKept: () => void }) {
  const text = codes.join('\n');
  return (
    <Stack>
      <Alert color="orange" variant="light" icon={<IconAlertTriangle />}>
        The second factor is on. Keep these recovery codes: they are shown this once. Each opens your account once, with
        your password, should the app be gone.
      </Alert>
      <Code block className="secret" tabIndex={0} aria-label="The recovery codes" data-testid="recovery-codes">
        {text}
      </Code>
      <Group>
        <CopyText text={text} what="codes" />
        <Button variant="default" onClick={onKept}>
          I have kept them
        </Button>
      </Group>
    </Stack>
  );
}
