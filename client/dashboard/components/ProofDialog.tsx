import { lazy, Suspense, useEffect, useEffectEvent, useState } from 'react';
import { askBy } from '../proof.ts';
import { ErrorBoundary } from './ErrorBoundary.tsx';

const ProofModal = lazy(() => import('./ProofModal.tsx'));

/**
 * The dialog that asks for the password, or a code of the person's app, again. Calls that wait for the same proof share a
 * dialog.
 */
export function ProofDialog() {
  const [waiting, setWaiting] = useState<((isProved: boolean) => void)[]>([]);
  const [hasAsked, setHasAsked] = useState(false);
  useEffect(
    () =>
      askBy(() => {
        setHasAsked(true);
        return new Promise((settle) => setWaiting((before) => [...before, settle]));
      }),
    [],
  );
  const end = (isProved: boolean) => {
    for (const settle of waiting) settle(isProved);
    setWaiting([]);
  };
  const onKey = useEffectEvent((event: KeyboardEvent) => {
    if (event.key !== 'Escape' || waiting.length === 0) return;
    event.stopImmediatePropagation();
    end(false);
  });
  // Before the dialog behind hears of the key: Escape closes one dialog. This listener is older than any dialog's.
  useEffect(() => {
    const listener = (event: KeyboardEvent) => onKey(event);
    window.addEventListener('keydown', listener, { capture: true });
    return () => window.removeEventListener('keydown', listener, { capture: true });
  }, []);
  return (
    hasAsked && (
      <ErrorBoundary>
        <Suspense>
          <ProofModal isOpen={waiting.length > 0} onEnd={end} />
        </Suspense>
      </ErrorBoundary>
    )
  );
}
