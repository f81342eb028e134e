import { Button, Group, NativeSelect, Stack, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconKey, IconPlus, IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useSearchParams } from 'react-router';
import type { ApiKey } from '../../../../shared/apiKeys.ts';
import { trpc } from '../../api.ts';
import { PageHeader } from '../../components/PageHeader.tsx';
import { EmptyState, ErrorState, RowsLoading } from '../../components/states.tsx';
import { useSession } from '../../session.ts';
import { FreshKeyHost } from './FreshKeyHost.tsx';
import { GenerateKey } from './GenerateKey.tsx';
import { KeyTable } from './KeyTable.tsx';
import { allKeys, hintOf } from './keys.ts';

const STATES = [
  { value: 'active', label: 'Active keys' },
  { value: 'expired', label: 'Expired keys' },
  { value: 'revoked', label: 'Revoked keys' },
  { value: 'all', label: 'All keys' },
] as const;
type Shown = (typeof STATES)[number];

export default function ApiKeys() {
  const { may } = useSession();
  const [isGenerating, { open, close }] = useDisclosure();
  /** One key, in any state: an organization without a key is told what keys are for. */
  const first = useQuery(trpc.keys.list.queryOptions({ limit: 1 }));
  const generate = may('keys:manage') && (
    <Button leftSection={<IconPlus size={16} />} onClick={open}>
      Generate New Key
    </Button>
  );
  return (
    <FreshKeyHost>
      <PageHeader title="API Keys" actions={first.data?.items.length ? generate : null}>
        {may('keys:manage')
          ? 'Programs and AI agents reach the contacts of your organization with these.'
          : 'The keys that you issued. To issue more, ask an admin of your organization.'}
      </PageHeader>
      {first.isPending && <RowsLoading rows={6} height={56} />}
      {first.error && <ErrorState error={first.error} onRetry={() => first.refetch()} />}
      {first.data?.items.length === 0 && (
        <EmptyState icon={<IconKey />} title="No API keys" action={generate}>
          A key lets a program or an AI agent read and change the contacts of your organization, as far as you allow it.
        </EmptyState>
      )}
      {first.data && first.data.items.length > 0 && <Keys />}
      <GenerateKey opened={isGenerating} onClose={close} />
    </FreshKeyHost>
  );
}

/** The keys in the state that is chosen (`?state=revoked`; without a choice the active keys), filtered by a text. */
function Keys() {
  const [parameters, setParameters] = useSearchParams();
  const [search, setSearch] = useState('');
  const shown = STATES.find(({ value }) => value === parameters.get('state')) ?? STATES[0];
  return (
    <Stack>
      <Group gap="sm">
        <TextInput
          aria-label="Filter the keys"
          placeholder="Filter by name, key, scope or issuer"
          leftSection={<IconSearch size={16} />}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
          flex="1 1 240px"
          maw={360}
        />
        <NativeSelect
          aria-label="State of the keys"
          data={STATES}
          value={shown.value}
          onChange={({ currentTarget: { value } }) =>
            setParameters(value === 'active' ? {} : { state: value }, { replace: true })
          }
        />
      </Group>
      <FoundKeys shown={shown} words={search.trim().toLowerCase()} />
    </Stack>
  );
}

function FoundKeys({ shown: { value, label }, words }: { shown: Shown; words: string }) {
  const { data, error, isPending, refetch } = useQuery(allKeys(value === 'all' ? undefined : value));
  if (isPending) return <RowsLoading rows={6} height={56} />;
  if (error) return <ErrorState error={error} onRetry={() => refetch()} />;
  const isMeant = (key: ApiKey) =>
    [key.name, hintOf(key), key.createdBy.name, key.description ?? '', key.environment ?? '', ...key.scopes].some(
      (text) => text.toLowerCase().includes(words),
    );
  const kind = value === 'all' ? '' : `${value} `;
  return (
    <KeyTable
      keys={data.filter(isMeant)}
      label={label}
      empty={words ? `No ${kind}key is like this.` : `There is no ${kind}key.`}
    />
  );
}
