import { Stack, Switch } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { trpc } from '../../api.ts';
import { FormError } from '../../components/states.tsx';
import { useSession } from '../../session.ts';

/** The owner's choice whether every member needs a second factor. */
export function RequiredFactor() {
  const { organization } = useSession();
  const queries = useQueryClient();
  const change = useMutation(
    trpc.members.requireFactor.mutationOptions({
      onSuccess: () => queries.invalidateQueries({ queryKey: trpc.session.current.queryKey() }),
    }),
  );
  return (
    <Stack gap="xs">
      <FormError error={change.error} />
      <Switch
        label="Require a second factor of every member"
        description="Members without a factor set one up before they see anything of the organization. API keys go on working."
        checked={organization.requiresFactor}
        disabled={change.isPending}
        onChange={({ currentTarget }) => change.mutate({ isRequired: currentTarget.checked })}
      />
    </Stack>
  );
}
