import { createContext, type ReactNode, use, useState } from 'react';
import type { IssuedKey } from '../../../../shared/apiKeys.ts';
import { FreshKeyDialog } from './FreshKey.tsx';

const FreshKeyContext = createContext<((issued: IssuedKey) => void) | undefined>(undefined);

/** Shows a key that was just made, until it is closed: whatever becomes of the row or the form that made it. */
export function FreshKeyHost({ children }: { children: ReactNode }) {
  const [issued, setIssued] = useState<IssuedKey>();
  return (
    <FreshKeyContext value={setIssued}>
      {children}
      {issued && <FreshKeyDialog issued={issued} onClose={() => setIssued(undefined)} />}
    </FreshKeyContext>
  );
}

/** What shows a fresh key, on a page that has a `FreshKeyHost`. */
export function useFreshKey() {
  const show = use(FreshKeyContext);
  if (!show) throw new Error('No key can be shown here');
  return show;
}
