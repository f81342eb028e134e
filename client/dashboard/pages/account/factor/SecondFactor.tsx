import { Button, Group, Paper, Stack, Text, Title } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { auth, type NewFactor } from '../../../auth.ts';
import { PasswordField } from '../../../components/PasswordField.tsx';
import { ErrorState, FormError, RowsLoading } from '../../../components/states.tsx';
import { useForm } from '../../../components/useForm.ts';
import { useAccountQuery } from '../../../session.ts';
import { ConfirmApp } from './ConfirmApp.tsx';
import { RecoveryCodes } from './RecoveryCodes.tsx';

/** The part of a page where a person sets up their second factor, changes the recovery codes, or switches the factor off. */
export function SecondFactor({ onChange }: { onChange?: () => void }) {
  const account = useAccountQuery(true);
  const [fresh, setFresh] = useState<NewFactor>();
  const [codes, setCodes] = useState<string[]>();
  const isOn = account.data?.user.twoFactorEnabled ?? false;
  const confirmed = async ({ backupCodes }: NewFactor) => {
    setCodes(backupCodes);
    setFresh(undefined);
    await account.refetch();
  };
  return (
    <Paper withBorder p="md" component="section">
      <Stack>
        <Title order={2} size="h4">
          Second factor
        </Title>
        {account.isPending && <RowsLoading rows={1} />}
        {account.error && <ErrorState error={account.error} onRetry={() => account.refetch()} />}
        {codes ? (
          <RecoveryCodes
            codes={codes}
            onKept={() => {
              setCodes(undefined);
              onChange?.();
            }}
          />
        ) : fresh ? (
          <ConfirmApp fresh={fresh} onConfirmed={() => confirmed(fresh)} onCancel={() => setFresh(undefined)} />
        ) : (
          account.data &&
          (isOn ? <SwitchedOn onCodes={setCodes} onOff={account.refetch} /> : <SwitchOn onFresh={setFresh} />)
        )}
      </Stack>
    </Paper>
  );
}

function SwitchOn({ onFresh }: { onFresh: (fresh: NewFactor) => void }) {
  const form = useForm<'password'>(async ({ password }) => onFresh(await auth.beginFactor(password)));
  return (
    <form onSubmit={form.onSubmit}>
      <Stack>
        <Text size="sm">
          With an authenticator app on your phone, nobody opens your account by the password alone: each sign-in also
          takes the code that the app shows.
        </Text>
        <FormError error={form.error} />
        <PasswordField label="Your password" />
        <Group>
          <Button type="submit" variant="default" loading={form.isPending}>
            Set up an app
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

interface SwitchedOnProps {
  onCodes: (codes: string[]) => void;
  onOff: () => Promise<unknown>;
}

function SwitchedOn({ onCodes, onOff }: SwitchedOnProps) {
  const [choice, setChoice] = useState<'codes' | 'off'>();
  const form = useForm<'password'>(async ({ password }) => {
    if (choice === 'codes') return onCodes(await auth.makeRecoveryCodes(password));
    await auth.endFactor(password);
    await onOff();
    notifications.show({ message: 'The second factor is off' });
  });
  if (choice === undefined) {
    return (
      <>
        <Text size="sm">On: each sign-in takes a code of your app.</Text>
        <Group>
          <Button variant="default" onClick={() => setChoice('codes')}>
            Make new recovery codes
          </Button>
          <Button variant="default" color="red" onClick={() => setChoice('off')}>
            Switch it off
          </Button>
        </Group>
      </>
    );
  }
  return (
    <form onSubmit={form.onSubmit}>
      <Stack>
        <Text size="sm">
          {choice === 'codes'
            ? 'The recovery codes that you have end, and you get ten new ones.'
            : 'Then your password alone opens your account.'}
        </Text>
        <FormError error={form.error} />
        <PasswordField label="Your password" autoFocus />
        <Group>
          <Button type="submit" {...(choice === 'off' && { color: 'red' })} loading={form.isPending}>
            {choice === 'codes' ? 'Make the codes' : 'Switch the second factor off'}
          </Button>
          <Button variant="default" onClick={() => setChoice(undefined)}>
            Cancel
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
