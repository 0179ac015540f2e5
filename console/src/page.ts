import { useEffect, useSyncExternalStore } from 'react';

/** The pages of the console, by what stands behind `#/` in the address. */
export const PAGES = [
  { id: 'flow', title: 'Flow', href: '#/' },
  { id: 'deliveries', title: 'Deliveries', href: '#/deliveries' },
] as const;

/** A page. */
export type PageId = (typeof PAGES)[number]['id'];

/** The page of the address; back and forward change it. An address that names none is the first page's. */
export function usePage(): PageId {
  const hash = useSyncExternalStore(
    (listener) => {
      addEventListener('hashchange', listener);
      return () => removeEventListener('hashchange', listener);
    },
    () => location.hash,
  );
  const page = PAGES.find(({ href }) => href === hash) ?? PAGES[0];
  useEffect(() => {
    document.title = page.id === 'flow' ? 'Millrace' : `${page.title} · Millrace`;
    scrollTo(0, 0);
  }, [page]);
  return page.id;
}
