import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { type Contact, trpc } from './api.ts';
import { EditContact } from './EditContact.tsx';

export function Contacts() {
  const [search, setSearch] = useState('');
  const [edited, setEdited] = useState<Contact>();
  const list = useInfiniteQuery(
    trpc.contacts.list.infiniteQueryOptions(
      { search: search || undefined, limit: 20 },
      { getNextPageParam: ({ nextCursor }) => nextCursor, placeholderData: keepPreviousData },
    ),
  );

  return (
    <main>
      <h1>Contacts</h1>
      <input type="search" aria-label="Search" value={search} onChange={(event) => setSearch(event.target.value)} />
      {list.error && <p role="alert">{list.error.message}</p>}
      <ul>
        {list.data?.pages
          .flatMap(({ items }) => items)
          .map((contact) => (
            <li key={contact.id}>
              <button type="button" onClick={() => setEdited(contact)}>
                {contact.name}
              </button>{' '}
              {contact.company} (changed {contact.updatedAt.toLocaleDateString()})
            </li>
          ))}
      </ul>
      {list.hasNextPage && (
        <button type="button" disabled={list.isFetching} onClick={() => list.fetchNextPage()}>
          More
        </button>
      )}
      {edited && <EditContact key={edited.id} contact={edited} close={() => setEdited(undefined)} />}
    </main>
  );
}
