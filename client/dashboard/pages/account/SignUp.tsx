import { Text } from '@mantine/core';
import { useState } from 'react';
import { PATHS } from '../../../../shared/paths.ts';
import { AccountCard } from '../../layout/AccountCard.tsx';
import { NewAccountForm } from './NewAccountForm.tsx';
import { SendLink } from './SendLink.tsx';

const LINKS = [{ to: PATHS.signIn, label: 'Sign in instead' }];

export default function SignUp() {
  const [email, setEmail] = useState<string>();
  if (email !== undefined) {
    return (
      <AccountCard title="Look into your mail" links={LINKS}>
        <Text role="status">
          A mail to {email} has what to do next. Open its link to confirm the address: then you make an organization of
          your own.
        </Text>
        <Text size="sm" c="dimmed">
          No mail? Look into the folder for spam, or ask whoever runs this service.
        </Text>
        <SendLink email={email} />
      </AccountCard>
    );
  }
  return (
    <AccountCard
      title="Create an account"
      text="Then you make an organization of your own. To join one that is there, use the link of your invitation."
      links={LINKS}
    >
      <NewAccountForm onDone={setEmail} />
    </AccountCard>
  );
}
