import { Button, Drawer, Group, Stack, TagsInput, Text, Textarea, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { Contact } from '../../../../shared/contacts.ts';
import { client, detailsOf } from '../../api.ts';
import { RelativeTime } from '../../components/RelativeTime.tsx';
import { FormError } from '../../components/states.tsx';
import { useSession } from '../../session.ts';
import { ConflictNotice } from './ConflictNotice.tsx';
import { DeleteContact } from './DeleteContact.tsx';
import { EraseContact } from './EraseContact.tsx';
import { changesOf, LIST_FIELDS, mergeDrafts, TEXT_FIELDS, toDraft } from './fields.ts';
import { useContactLists } from './lists.ts';

interface ContactPanelProps {
  /** `undefined` for a new contact. */
  contact: Contact | undefined;
  onClose: () => void;
}

/** A side panel to create or change a contact. A notice says where another person has changed the contact meanwhile. */
export function ContactPanel({ contact, onClose }: ContactPanelProps) {
  const lists = useContactLists();
  const { may } = useSession();
  /** The version that the draft changes: as opened, or as another person left the contact. */
  const [base, setBase] = useState(contact);
  const [draft, setDraft] = useState(() => toDraft(contact));
  const [theirs, setTheirs] = useState<Contact>();
  const saving = useMutation({
    async mutationFn({ on, as }: { on: Contact | undefined; as: typeof draft }) {
      const changes = changesOf(as, toDraft(on));
      if (!on) return await client.contacts.create.mutate({ ...changes, name: as.name });
      return await client.contacts.update.mutate({ ...changes, id: on.id, expectedVersion: on.version });
    },
    async onSuccess(saved, { on }) {
      onClose();
      if (on) lists.replace(saved);
      else await lists.restart();
    },
    async onError(error) {
      if (base && detailsOf(error, 412)) setTheirs(await client.contacts.get.query({ id: base.id }));
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!saving.isPending && !theirs) saving.mutate({ on: base, as: draft });
  };
  /** Goes on from the other person's version, with or without this person's changes on top. */
  const goOn = (latest: Contact, isMineKept: boolean) => {
    const sides = { before: toDraft(base), mine: draft, theirs: toDraft(latest) };
    const merged = isMineKept ? mergeDrafts(sides) : sides.theirs;
    setBase(latest);
    setDraft(merged);
    setTheirs(undefined);
    saving.reset();
    if (isMineKept) saving.mutate({ on: latest, as: merged });
  };
  const isDirty = JSON.stringify(draft) !== JSON.stringify(toDraft(base));
  const set = <K extends keyof typeof draft>(name: K, value: (typeof draft)[K]) =>
    setDraft({ ...draft, [name]: value });
  return (
    <Drawer
      opened
      onClose={onClose}
      // Typed text is discarded by the buttons alone, never by a stray click or key.
      closeOnClickOutside={!isDirty}
      closeOnEscape={!isDirty}
      position="right"
      size="md"
      title={contact ? contact.name : 'New contact'}
    >
      <form onSubmit={submit}>
        <Stack>
          {theirs ? (
            <ConflictNotice
              sides={{ before: toDraft(base), mine: draft, theirs: toDraft(theirs) }}
              onMine={() => goOn(theirs, true)}
              onTheirs={() => goOn(theirs, false)}
            />
          ) : (
            <FormError error={detailsOf(saving.error, 412) ? undefined : saving.error} />
          )}
          {TEXT_FIELDS.map(({ name, label, type, ...more }, index) => (
            <TextInput
              key={name}
              label={label}
              type={type}
              {...more}
              {...(index === 0 && { 'data-autofocus': true })}
              autoComplete="off"
              value={draft[name]}
              onChange={(event) => set(name, event.currentTarget.value)}
            />
          ))}
          {LIST_FIELDS.map(({ name, label, maxTags }) => (
            <TagsInput
              key={name}
              label={label}
              description="Enter or a comma after each"
              value={draft[name]}
              onChange={(values) => set(name, values)}
              maxTags={maxTags}
            />
          ))}
          <Textarea
            label="Notes"
            autosize
            minRows={3}
            maxRows={12}
            value={draft.notes}
            onChange={(event) => set('notes', event.currentTarget.value)}
          />
          <Textarea
            label="Custom fields"
            description="A JSON object"
            autosize
            minRows={2}
            maxRows={12}
            ff="monospace"
            placeholder='{"tier": "gold"}'
            value={draft.customFields}
            onChange={(event) => set('customFields', event.currentTarget.value)}
          />
          {contact && (
            <Text size="xs" c="dimmed">
              Changed <RelativeTime date={contact.updatedAt} />, made <RelativeTime date={contact.createdAt} />
            </Text>
          )}
          <Group justify="space-between">
            <Group gap={0}>
              {contact && <DeleteContact contact={contact} onDeleted={onClose} />}
              {contact && may('keys:manage') && <EraseContact contact={contact} onErased={onClose} />}
            </Group>
            <Group>
              <Button variant="default" onClick={onClose}>
                Cancel
              </Button>
              <Button type="submit" loading={saving.isPending} disabled={theirs !== undefined}>
                Save
              </Button>
            </Group>
          </Group>
        </Stack>
      </form>
    </Drawer>
  );
}
