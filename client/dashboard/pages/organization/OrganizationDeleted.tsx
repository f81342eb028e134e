import { Button, Code, Text } from '@mantine/core';
import { useEffect } from 'react';
import { Navigate, useLocation } from 'react-router';
import type { OrganizationDeleted as Deleted } from '../../../../shared/organizations.ts';
import { PATHS } from '../../../../shared/paths.ts';
import { queryClient } from '../../api.ts';
import { exactTime } from '../../components/RelativeTime.tsx';
import { AccountCard } from '../../layout/AccountCard.tsx';

/** Says until when the organization that was just deleted can be restored, and by whom. */
export default function OrganizationDeleted() {
  const deleted: Deleted | null = useLocation().state;
  // Nothing of the organization is left in the browser.
  useEffect(() => queryClient.clear(), []);
  if (!deleted) return <Navigate to={PATHS.home} replace />;
  const { id, name, erasedAt } = deleted;
  return (
    <AccountCard title={`“${name}” is deleted`}>
      <Text>Its API keys and sessions are refused. On {exactTime(erasedAt)} all of it is erased for good.</Text>
      <Text>To get it back before, ask the operator of this service, who runs this command:</Text>
      <Code style={{ overflowWrap: 'anywhere' }}>introzy organizations restore {id}</Code>
      <Button component="a" href={PATHS.home} variant="light">
        Go on
      </Button>
    </AccountCard>
  );
}
