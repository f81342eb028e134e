import { Button } from '@mantine/core';
import { IconFingerprint } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { signInWithPasskey } from '../passkeys.ts';
import { FormError } from './states.tsx';

/** The button that signs a person in with a passkey. */
export function PasskeySignIn({ label, onDone }: { label: string; onDone: (person: { id: string }) => void }) {
  const signing = useMutation({ mutationFn: signInWithPasskey, onSuccess: onDone });
  return (
    <>
      <FormError error={signing.error} />
      <Button
        variant="default"
        leftSection={<IconFingerprint size={18} />}
        loading={signing.isPending || signing.isSuccess}
        onClick={() => signing.mutate()}
      >
        {label}
      </Button>
    </>
  );
}
