import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { type Contact, trpc } from './api.ts';

/** `contact` is as the person saw the contact: the service refuses the change of a contact with another version. */
export function EditContact({ contact, close }: { contact: Contact; close: () => void }) {
  const queryClient = useQueryClient();
  const [name, setName] = useState(contact.name);
  const [company, setCompany] = useState(contact.company ?? '');
  /** The contact as somebody else has changed the contact meanwhile. */
  const [theirs, setTheirs] = useState<Contact>();

  const showList = async () => {
    await queryClient.invalidateQueries(trpc.contacts.list.pathFilter());
    close();
  };
  const update = useMutation(
    trpc.contacts.update.mutationOptions({
      onSuccess: showList,
      onError: async ({ data }) => {
        if (data?.code !== 'PRECONDITION_FAILED') return;
        setTheirs(await queryClient.fetchQuery(trpc.contacts.get.queryOptions({ id: contact.id })));
      },
    }),
  );

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const { version: expectedVersion } = theirs ?? contact;
        update.mutate({ id: contact.id, name, company, expectedVersion });
      }}
    >
      <label>
        Name <input required value={name} onChange={(event) => setName(event.target.value)} />
      </label>{' '}
      <label>
        Company <input value={company} onChange={(event) => setCompany(event.target.value)} />
      </label>
      {update.error && <p role="alert">{update.error.message}</p>}
      {theirs && (
        <p>
          Somebody else has made it {theirs.name}, {theirs.company ?? 'no company'}.{' '}
          <button type="button" onClick={showList}>
            Take theirs
          </button>
        </p>
      )}{' '}
      <button type="submit" disabled={update.isPending}>
        {theirs ? 'Keep mine' : 'Save'}
      </button>
    </form>
  );
}
