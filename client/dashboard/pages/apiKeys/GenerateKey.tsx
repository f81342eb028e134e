import { Button, Checkbox, Group, Modal, Stack } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { Scope } from '../../../../shared/apiKeys.ts';
import { EXPIRY_DAYS } from '../../../../shared/keyFormat.ts';
import { SCOPES } from '../../../../shared/scopes.ts';
import { trpc } from '../../api.ts';
import { FormError } from '../../components/states.tsx';
import { ExpirationField } from './ExpirationField.tsx';
import { useFreshKey } from './FreshKeyHost.tsx';
import { SCOPE_WORDS, useKeysChanged } from './keys.ts';
import { LimitFields } from './LimitFields.tsx';
import { SettingsFields } from './SettingsFields.tsx';
import { FIELDS_WITH_ISSUES, type Settings, settingsOf } from './settings.ts';

interface DialogProps {
  opened: boolean;
  onClose: () => void;
}

/** The dialog that issues a key, and shows the key once. */
export function GenerateKey({ opened, onClose }: DialogProps) {
  const changed = useKeysChanged();
  const showKey = useFreshKey();
  const issuing = useMutation(
    trpc.keys.issue.mutationOptions({
      async onSuccess(issued) {
        showKey(issued);
        close();
        await changed();
      },
    }),
  );
  const close = () => {
    // The mutation's answer holds the key, which must not stay here.
    issuing.reset();
    onClose();
  };
  return (
    <Modal opened={opened} onClose={close} title="Generate a new API key" size="lg">
      <KeyForm
        isPending={issuing.isPending}
        error={issuing.error}
        onSubmit={(request) => issuing.mutate(request)}
        onCancel={close}
      />
    </Modal>
  );
}

interface KeyFormProps {
  isPending: boolean;
  error: unknown;
  onSubmit: (request: Settings & { expiresInDays: number; scopes: Scope[] }) => void;
  onCancel: () => void;
}

function KeyForm({ isPending, error, onSubmit, onCancel }: KeyFormProps) {
  const [expiresInDays, setDays] = useState<number>(EXPIRY_DAYS.default);
  const [scopes, setScopes] = useState<string[]>(['contacts:read', 'contacts:write']);
  const [sent, setSent] = useState<Settings>();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (isPending || scopes.length === 0) return;
    const settings = settingsOf(Object.fromEntries(new FormData(event.currentTarget)) as Record<string, string>);
    setSent(settings);
    onSubmit({ ...settings, expiresInDays, scopes: scopes as Scope[] });
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        <FormError error={error} fields={FIELDS_WITH_ISSUES} />
        <SettingsFields error={error} />
        <ExpirationField days={expiresInDays} onChange={setDays} />
        <Checkbox.Group
          label="What it may do"
          value={scopes}
          onChange={setScopes}
          error={scopes.length === 0 ? 'Allow it something' : undefined}
        >
          <Stack gap="xs" mt="xs">
            {SCOPES.map((scope) => (
              <Checkbox key={scope} value={scope} {...SCOPE_WORDS[scope]} />
            ))}
          </Stack>
        </Checkbox.Group>
        <LimitFields error={error} sent={sent} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
          <Button type="submit" loading={isPending}>
            Generate the key
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
