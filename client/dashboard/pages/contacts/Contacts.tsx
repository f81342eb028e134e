import { Button, Group, Stack, TextInput } from '@mantine/core';
import { useDebouncedValue, useDisclosure } from '@mantine/hooks';
import { IconAddressBook, IconPlus, IconSearch, IconTag, IconUpload, IconX } from '@tabler/icons-react';
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import type { Contact } from '../../../../shared/contacts.ts';
import { client, KEYSET, trpc } from '../../api.ts';
import { PageHeader } from '../../components/PageHeader.tsx';
import { EmptyState, ErrorState, RowsLoading } from '../../components/states.tsx';
import { ContactList } from './ContactList.tsx';
import { ContactPanel } from './ContactPanel.tsx';

const ImportContacts = lazy(() => import('./ImportContacts.tsx'));

/** Contacts in one request. */
const LIMIT = 100;
/** Milliseconds after the last key press before the service is asked. */
const PAUSE = 200;

export default function Contacts() {
  const [search, setSearch] = useState('');
  const [tag, setTag] = useState('');
  const [searched] = useDebouncedValue(search.trim(), PAUSE);
  const [tagged] = useDebouncedValue(tag.trim(), PAUSE);
  const [edited, setEdited] = useState<Contact | 'new'>();
  const [isImporting, importing] = useDisclosure();
  const filter = { ...(searched && { search: searched }), ...(tagged && { tag: tagged }) };
  const list = useInfiniteQuery({
    queryKey: [...trpc.contacts.list.pathKey(), 'pages', filter],
    queryFn: ({ pageParam, signal }) =>
      client.contacts.list.query({ ...filter, ...pageParam, limit: LIMIT }, { signal }),
    placeholderData: keepPreviousData,
    ...KEYSET,
  });
  const contacts = list.data?.pages.flatMap(({ items }) => items);
  const isFiltered = Boolean(searched || tagged);
  const add = (
    <Button leftSection={<IconPlus size={16} />} onClick={() => setEdited('new')}>
      New contact
    </Button>
  );
  const upload = (
    <Button variant="default" leftSection={<IconUpload size={16} />} onClick={importing.open}>
      Import CSV
    </Button>
  );
  return (
    <>
      <PageHeader title="Contacts" actions={[<span key="import">{upload}</span>, <span key="add">{add}</span>]} />
      <Stack>
        <Group>
          <TextInput
            type="search"
            aria-label="Search contacts"
            placeholder="Search by name, email, phone or any word"
            leftSection={<IconSearch size={16} />}
            value={search}
            onChange={(event) => setSearch(event.currentTarget.value)}
            flex="1 1 240px"
            maw={420}
          />
          <TextInput
            aria-label="Filter by tag"
            placeholder="Tag"
            leftSection={<IconTag size={16} />}
            value={tag}
            onChange={(event) => setTag(event.currentTarget.value)}
            w={180}
          />
          {tagged && (
            <Button variant="default" rightSection={<IconX size={14} aria-hidden />} onClick={() => setTag('')}>
              All tags
            </Button>
          )}
        </Group>
        {list.isPending && <RowsLoading rows={8} height={56} />}
        {list.error && !contacts && <ErrorState error={list.error} onRetry={() => list.refetch()} />}
        {contacts?.length === 0 && (
          <EmptyState
            icon={<IconAddressBook />}
            title={isFiltered ? 'No contact is like this' : 'No contacts yet'}
            action={
              isFiltered ? null : <Group>{[<span key="add">{add}</span>, <span key="import">{upload}</span>]}</Group>
            }
          >
            {isFiltered
              ? 'Search for less, or without a tag. Each word is looked for in all fields but links and custom fields.'
              : 'Make one, import a CSV file, or have a program add them with an API key.'}
          </EmptyState>
        )}
        {contacts && contacts.length > 0 && (
          <ContactList
            contacts={contacts}
            isStale={list.isPlaceholderData}
            hasMore={list.hasNextPage}
            // A page that failed is requested again only when the person asks.
            isWaiting={list.isFetchNextPageError}
            isLoadingMore={list.isFetchingNextPage}
            onMore={() => !list.isFetchingNextPage && list.fetchNextPage()}
            onOpen={setEdited}
            onTag={setTag}
          />
        )}
        {contacts && list.isFetchNextPageError && (
          <ErrorState error={list.error} onRetry={() => list.fetchNextPage()} />
        )}
      </Stack>
      {edited && (
        <ContactPanel
          key={edited === 'new' ? 'new' : edited.id}
          contact={edited === 'new' ? undefined : edited}
          onClose={() => setEdited(undefined)}
        />
      )}
      <Suspense>{isImporting && <ImportContacts onClose={importing.close} />}</Suspense>
    </>
  );
}
