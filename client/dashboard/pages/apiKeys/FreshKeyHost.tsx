import { createContext, type ReactNode, use, useState } from 'react';
import type { IssuedKey } from '../../../../shared/apiKeys.ts';
import { FreshKeyDialog } from './FreshKey.tsx';

const FreshKeyContext = createContext<((issued: IssuedKey) => void) | undefined>(undefined);

/** Shows a fresh key until the dialog is closed, even where the row or form that made the key is gone by then. */
export function FreshKeyHost({ children }: { children: ReactNode }) {
  const [issued, setIssued] = useState<IssuedKey>();
  return (
    <FreshKeyContext value={setIssued}>
      {children}
      {issued && <FreshKeyDialog issued={issued} onClose={() => setIssued(undefined)} />}
    </FreshKeyContext>
  );
}

/** Gives a function that shows a fresh key. Throws outside a `FreshKeyHost`. */
export function useFreshKey() {
  const show = use(FreshKeyContext);
  if (!show) throw new Error('No key can be shown here');
  return show;
}
