import { Button, Group, Text, Textarea, type TextareaProps } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import type { ApiKey } from '../../../../shared/apiKeys.ts';
import { client, sentenceOf } from '../../api.ts';
import { addressesIn } from './settings.ts';

interface AddressFieldProps {
  /** The key whose places of use are proposed; left out for a key that is yet to be made. */
  apiKey: ApiKey | undefined;
  /** What the service found in the field. */
  error: Pick<TextareaProps, 'error' | 'errorProps'>;
}

/** The addresses from which a key may be used, with a button that adds the networks of the key's places of use. */
export function AddressField({ apiKey, error }: AddressFieldProps) {
  const [text, setText] = useState(apiKey?.allowedAddresses.join('\n') ?? '');
  const proposing = useMutation({
    mutationFn: async (id: string) => (await client.keys.places.query({ id })).proposedAddresses,
    onSuccess: (proposed) => setText((now) => [...new Set([...addressesIn(now), ...proposed])].join('\n')),
  });
  return (
    <div>
      <Textarea
        label="Allowed addresses"
        name="allowedAddresses"
        description="IPv4 and IPv6 addresses or blocks, one a line, such as 203.0.113.0/24. Without an address the key may be used from everywhere"
        styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
        autosize
        minRows={2}
        maxRows={8}
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        {...error}
      />
      {apiKey && (
        <Group gap="sm" mt="xs">
          <Button size="xs" variant="default" loading={proposing.isPending} onClick={() => proposing.mutate(apiKey.id)}>
            Propose from places of use
          </Button>
          <Text size="xs" role="status" flex="1 1 200px">
            {proposing.data && describeProposal(proposing.data)}
            {proposing.error && sentenceOf(proposing.error)}
          </Text>
        </Group>
      )}
    </div>
  );
}

function describeProposal({ length }: string[]): string {
  if (length === 0) return 'The key was never used, so that there is nothing to propose.';
  const networks = length === 1 ? 'The network' : `The ${length} networks`;
  return `${networks} of its places of use ${length === 1 ? 'is' : 'are'} in the list. Look through the list before you save.`;
}
