import { Badge, Box, Button, Group, Paper, Text, UnstyledButton } from '@mantine/core';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { Contact } from '../../../../shared/contacts.ts';
import classes from './ContactList.module.css';

/** Pixels. */
const ROW_HEIGHT = 60;
/** Rows beyond the window that are in the page already. */
const OVERSCAN = 12;
/** Rows before the end of the list at which the next page is requested. */
const AHEAD = 30;
/** Tags that a row shows at most. */
const TAGS = 3;

interface ContactListProps {
  contacts: Contact[];
  /** The contacts are from an earlier search. */
  isStale: boolean;
  hasMore: boolean;
  isLoadingMore: boolean;
  /** No page is requested until the person asks for more. */
  isWaiting: boolean;
  onMore: () => void;
  onOpen: (contact: Contact) => void;
  onTag: (tag: string) => void;
}

/** A list of any number of contacts. Only the rows in sight, and a few beyond, are in the page. */
export function ContactList({
  contacts,
  isStale,
  hasMore,
  isLoadingMore,
  isWaiting,
  onMore,
  onOpen,
  onTag,
}: ContactListProps) {
  const list = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => setTop(list.current?.offsetTop ?? 0), []);
  const virtualizer = useWindowVirtualizer({
    count: contacts.length,
    estimateSize: () => ROW_HEIGHT,
    overscan: OVERSCAN,
    scrollMargin: top,
  });
  const rows = virtualizer.getVirtualItems();
  const last = rows.at(-1)?.index ?? 0;
  const isNearEnd = hasMore && !isLoadingMore && !isWaiting && last >= contacts.length - AHEAD;
  useEffect(() => {
    if (isNearEnd) onMore();
  }, [isNearEnd, onMore]);

  return (
    <Box opacity={isStale ? 0.6 : 1} aria-busy={isStale || isLoadingMore}>
      <Paper withBorder role="table" aria-label="Contacts" aria-rowcount={hasMore ? -1 : contacts.length + 1}>
        <Box role="rowgroup">
          <Box role="row" aria-rowindex={1} className={`${classes.row} ${classes.head}`}>
            {['Name', 'Company', 'Tags'].map((heading) => (
              <Text
                key={heading}
                role="columnheader"
                size="sm"
                fw={700}
                {...(heading !== 'Name' && { visibleFrom: 'sm' })}
              >
                {heading}
              </Text>
            ))}
          </Box>
        </Box>
        <Box ref={list} role="rowgroup" style={{ position: 'relative', height: virtualizer.getTotalSize() }}>
          {rows.map(({ index, start }) => {
            const contact = contacts[index];
            if (!contact) return null;
            return (
              <Box
                key={contact.id}
                role="row"
                aria-rowindex={index + 2}
                className={`${classes.row} ${classes.body}`}
                style={{ height: ROW_HEIGHT, transform: `translateY(${start - virtualizer.options.scrollMargin}px)` }}
              >
                <ContactCells contact={contact} onOpen={onOpen} onTag={onTag} />
              </Box>
            );
          })}
        </Box>
      </Paper>
      <Group justify="center" mt="md" mih={36}>
        {hasMore ? (
          <Button variant="default" loading={isLoadingMore} onClick={onMore}>
            Load more
          </Button>
        ) : (
          <Text size="sm" c="dimmed">
            {contacts.length === 1 ? 'One contact' : `${contacts.length.toLocaleString('en')} contacts`}
          </Text>
        )}
      </Group>
    </Box>
  );
}

function ContactCells({ contact, onOpen, onTag }: Pick<ContactListProps, 'onOpen' | 'onTag'> & { contact: Contact }) {
  const { name, email, company, title, tags } = contact;
  return (
    <>
      <Box role="cell" className={classes.cell}>
        <UnstyledButton className={classes.name} onClick={() => onOpen(contact)}>
          <Text size="sm" fw={500} truncate>
            {name}
          </Text>
        </UnstyledButton>
        <Text size="xs" c="dimmed" truncate>
          {email ?? ' '}
        </Text>
      </Box>
      <Box role="cell" className={classes.cell} visibleFrom="sm">
        <Text size="sm" truncate>
          {company ?? ''}
        </Text>
        <Text size="xs" c="dimmed" truncate>
          {title ?? ''}
        </Text>
      </Box>
      <Box role="cell" className={classes.cell} visibleFrom="sm">
        <Group gap={4} wrap="nowrap">
          {tags.slice(0, TAGS).map((tag) => (
            <Badge
              key={tag}
              component="button"
              type="button"
              variant="default"
              tt="none"
              fw={500}
              className={classes.tag}
              title={`Those with the tag ${tag}`}
              onClick={() => onTag(tag)}
            >
              {tag}
            </Badge>
          ))}
          {tags.length > TAGS && (
            <Text size="xs" c="dimmed">
              +{tags.length - TAGS}
            </Text>
          )}
        </Group>
      </Box>
    </>
  );
}
