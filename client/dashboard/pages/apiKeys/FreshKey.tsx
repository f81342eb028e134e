import { Alert, Box, Button, Code, Group, Modal, Stack, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useState } from 'react';
import type { IssuedKey } from '../../../../shared/apiKeys.ts';
import { CopyText } from '../../components/CopyText.tsx';
import { dayOf } from '../../components/RelativeTime.tsx';

/** Ways to use a key, with the key filled in. */
function snippetsOf(key: string): { what: string; title: string; text: string }[] {
  const { origin } = window.location;
  return [
    { what: 'curl line', title: 'Try it', text: `curl -H 'Authorization: Bearer ${key}' ${origin}/api/contacts` },
    { what: '.env line', title: 'In a file .env', text: `INTROZY_API_KEY=${key}` },
    {
      what: 'TypeScript',
      title: 'From TypeScript',
      text: `import { createIntrozyClient } from '@introzy/client';

const introzy = createIntrozyClient({ url: '${origin}', key: '${key}' });
for await (const contact of introzy.contacts.all()) console.log(contact.name);`,
    },
  ];
}

/** Shows a fresh key, which is in this page's memory and nowhere else. Asks before closing where nothing was copied. */
export function FreshKeyDialog({ issued: { key, apiKey }, onClose }: { issued: IssuedKey; onClose: () => void }) {
  const [isCopied, setIsCopied] = useState(false);
  const [isAsking, setIsAsking] = useState(false);
  const copied = () => setIsCopied(true);
  return (
    <Modal
      opened
      onClose={isCopied ? onClose : () => setIsAsking(true)}
      closeOnClickOutside={false}
      title={`Your key “${apiKey.name}”`}
      size="xl"
    >
      <Stack>
        <Alert color="orange" variant="light" icon={<IconAlertTriangle />}>
          Copy the key now: it is shown this once. It works until {dayOf(apiKey.expiresAt)}.
        </Alert>
        <Box>
          <Code block className="secret" data-testid="key" tabIndex={0} aria-label="The key">
            {key}
          </Code>
          <Group mt="xs">
            <CopyText text={key} what="key" onCopied={copied} />
          </Group>
        </Box>
        {snippetsOf(key).map(({ what, title, text }) => (
          <Box key={what}>
            <Group justify="space-between" mb={4}>
              <Text size="sm" fw={600}>
                {title}
              </Text>
              <CopyText text={text} what={what} onCopied={copied} />
            </Group>
            <Code block className="secret" tabIndex={0} aria-label={title}>
              {text}
            </Code>
          </Box>
        ))}
        {isAsking ? (
          <Alert color="red" variant="light" role="alert" title="Have you copied the key?">
            <Text size="sm">Once this is closed, nobody can show it again. You would have to rotate it.</Text>
            <Group mt="sm" justify="flex-end">
              <Button variant="default" onClick={() => setIsAsking(false)} autoFocus>
                Not yet
              </Button>
              <Button color="red" onClick={onClose}>
                Yes, close it
              </Button>
            </Group>
          </Alert>
        ) : (
          <Group justify="flex-end">
            <Button onClick={isCopied ? onClose : () => setIsAsking(true)}>Done</Button>
          </Group>
        )}
      </Stack>
    </Modal>
  );
}
