import { Button, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { DAYS_TO_RESTORE } from '../../../../shared/daysToRestore.ts';
import { PATHS } from '../../../../shared/paths.ts';
import { auth } from '../../auth.ts';
import { FormError } from '../../components/states.tsx';
import { useForm } from '../../components/useForm.ts';
import { AccountCard } from '../../layout/AccountCard.tsx';

/** For a signed-in person in no organization, or not in the organization that the session is about. */
export default function NoOrganization({ email }: { email: string }) {
  const { data: organizations = [] } = useQuery({ queryKey: ['organizations'], queryFn: auth.listOrganizations });
  const choice = useMutation({
    mutationFn: async (id: string) => auth.setActive(id).then(() => window.location.assign(PATHS.home)),
  });
  const leaving = useMutation({
    mutationFn: async () => auth.signOut().then(() => window.location.assign(PATHS.signIn)),
  });
  const form = useForm<'name'>(async ({ name }) => {
    await auth.createOrganization(name.trim());
    window.location.assign(PATHS.home);
  });
  return (
    <AccountCard title="Choose an organization" text={`You are signed in as ${email}.`}>
      <FormError error={choice.error ?? leaving.error} />
      {organizations.map(({ id, name }) => (
        <Button key={id} variant="default" loading={choice.isPending} onClick={() => choice.mutate(id)}>
          {name}
        </Button>
      ))}
      {organizations.length === 0 && (
        <Text>
          You are in no organization. Ask an admin of yours to invite you, or make one. If yours was deleted, whoever
          runs this service can restore it for {DAYS_TO_RESTORE} days.
        </Text>
      )}
      <form onSubmit={form.onSubmit}>
        <Stack>
          <FormError error={form.error} />
          <TextInput label="Name of a new organization" name="name" required maxLength={100} />
          <Button type="submit" variant="light" loading={form.isPending || form.isSuccess}>
            Make the organization
          </Button>
        </Stack>
      </form>
      <Button variant="subtle" onClick={() => leaving.mutate()}>
        Sign out
      </Button>
    </AccountCard>
  );
}
