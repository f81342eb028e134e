import { Button, Group, Stack, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconKey, IconPlus, IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { ApiKey } from '../../../../shared/apiKeys.ts';
import { PageHeader } from '../../components/PageHeader.tsx';
import { EmptyState, ErrorState, RowsLoading } from '../../components/states.tsx';
import { useSession } from '../../session.ts';
import { FreshKeyHost } from './FreshKeyHost.tsx';
import { GenerateKey } from './GenerateKey.tsx';
import { KeyTable } from './KeyTable.tsx';
import { allKeys, hintOf } from './keys.ts';

export default function ApiKeys() {
  const { may } = useSession();
  const [isGenerating, { open, close }] = useDisclosure();
  const keys = useQuery(allKeys());
  const generate = may('keys:manage') && (
    <Button leftSection={<IconPlus size={16} />} onClick={open}>
      Generate New Key
    </Button>
  );
  return (
    <FreshKeyHost>
      <PageHeader title="API Keys" actions={keys.data?.length ? generate : null}>
        {may('keys:manage')
          ? 'Programs and AI agents reach the contacts of your organization with these.'
          : 'The keys that you issued. To issue more, ask an admin of your organization.'}
      </PageHeader>
      {keys.isPending && <RowsLoading rows={6} height={56} />}
      {keys.error && <ErrorState error={keys.error} onRetry={() => keys.refetch()} />}
      {keys.data?.length === 0 && (
        <EmptyState icon={<IconKey />} title="No API keys" action={generate}>
          A key lets a program or an AI agent read and change the contacts of your organization, as far as you allow it.
        </EmptyState>
      )}
      {keys.data && keys.data.length > 0 && <Keys keys={keys.data} />}
      <GenerateKey opened={isGenerating} onClose={close} />
    </FreshKeyHost>
  );
}

/** The active keys, and, folded away, the revoked and expired keys. */
function Keys({ keys }: { keys: ApiKey[] }) {
  const [search, setSearch] = useState('');
  const [isUnfolded, { toggle }] = useDisclosure();
  const words = search.trim().toLowerCase();
  const isMeant = (key: ApiKey) =>
    [key.name, hintOf(key), key.createdBy.name, ...key.scopes].some((text) => text.toLowerCase().includes(words));
  const found = keys.filter(isMeant);
  const active = found.filter(({ state }) => state === 'active');
  const over = found.filter(({ state }) => state !== 'active');
  return (
    <Stack>
      <TextInput
        aria-label="Filter the keys"
        placeholder="Filter by name, key, scope or issuer"
        leftSection={<IconSearch size={16} />}
        value={search}
        onChange={(event) => setSearch(event.currentTarget.value)}
        maw={360}
      />
      <KeyTable keys={active} label="Active keys" empty={words ? 'No active key is like this.' : 'No key is active.'} />
      {over.length > 0 && (
        <>
          <Group>
            <Button variant="default" size="compact-sm" onClick={toggle} aria-expanded={isUnfolded}>
              {isUnfolded ? 'Hide' : 'Show'} {over.length} revoked or expired
            </Button>
          </Group>
          {isUnfolded && <KeyTable keys={over} label="Revoked and expired keys" empty="" />}
        </>
      )}
    </Stack>
  );
}
