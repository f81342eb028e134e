import { Alert, Button, Paper, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { DAYS_TO_RESTORE } from '../../../../shared/daysToRestore.ts';
import { PageHeader } from '../../components/PageHeader.tsx';
import { useSession } from '../../session.ts';
import { DeleteOrganization } from './DeleteOrganization.tsx';

/** What an owner may do to the whole organization. */
export default function OrganizationPage() {
  const { organization, role } = useSession();
  const [isAsking, setAsking] = useState(false);
  return (
    <>
      <PageHeader title="Organization">{organization.name}</PageHeader>
      {role === 'owner' ? (
        <Paper withBorder p="md" component="section" maw={640}>
          <Stack align="flex-start">
            <Title order={2} size="h4">
              Delete the organization
            </Title>
            <Text size="sm">
              Every API key and every session of the organization is refused at once. For {DAYS_TO_RESTORE} days the
              operator of this service can restore the organization with all that it has. Then its contacts, keys,
              members and log are erased for good.
            </Text>
            <Button variant="outline" color="red" onClick={() => setAsking(true)}>
              Delete the organization…
            </Button>
            <DeleteOrganization isOpen={isAsking} onClose={() => setAsking(false)} />
          </Stack>
        </Paper>
      ) : (
        <Alert color="gray">Only an owner of the organization may do this</Alert>
      )}
    </>
  );
}
