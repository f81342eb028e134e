import { type InfiniteData, useQueryClient } from '@tanstack/react-query';
import type { Contact } from '../../../../shared/contacts.ts';
import { trpc } from '../../api.ts';

interface Page {
  items: Contact[];
  nextCursor: string | null;
}
type Pages = InfiniteData<Page>;

/** The lists of contacts on the screen. */
const SHOWN = { queryKey: trpc.contacts.list.pathKey(), type: 'active' } as const;

/**
 * Gives functions that change contacts within the shown lists. To request every loaded page anew would take one call a
 * page, and lose the scroll position.
 */
export function useContactLists() {
  const queries = useQueryClient();
  const change = (work: (pages: Page[]) => Page[]) =>
    queries.setQueriesData<Pages>(SHOWN, (data) => data && { ...data, pages: work(data.pages) });
  const changeItems = (work: (items: Contact[]) => Contact[]) =>
    change((pages) => pages.map((page) => ({ ...page, items: work(page.items) })));
  return {
    replace: (contact: Contact) =>
      changeItems((items) => items.map((item) => (item.id === contact.id ? contact : item))),
    remove: (id: string) => changeItems((items) => items.filter((item) => item.id !== id)),
    /** Puts a contact back in the former place: ids sort by time, newest first. */
    putBack: (contact: Contact) => change((pages) => insert(pages, contact)),
    /** Loads the lists anew, from the first page on. */
    async restart() {
      queries.setQueriesData<Pages>(
        SHOWN,
        (data) => data && { pages: data.pages.slice(0, 1), pageParams: data.pageParams.slice(0, 1) },
      );
      await queries.invalidateQueries(SHOWN);
    },
  };
}

function insert(pages: Page[], contact: Contact): Page[] {
  const isBefore = (item: Contact) => item.id < contact.id;
  const found = pages.findIndex(({ items }) => items.some(isBefore));
  const place = found === -1 ? pages.length - 1 : found;
  return pages.map((page, index) => {
    if (index !== place) return page;
    const at = page.items.findIndex(isBefore);
    return { ...page, items: page.items.toSpliced(at === -1 ? page.items.length : at, 0, contact) };
  });
}
