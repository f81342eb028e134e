import { useMutation } from '@tanstack/react-query';
import type { FormEvent } from 'react';

type Fields<Name extends string> = Record<Name, string>;

/**
 * A form whose fields the browser keeps and checks. On submit, `work` gets the values by name: `{ email, password }`.
 * `sent`: the values that were submitted last.
 */
export function useForm<Name extends string>(work: (fields: Fields<Name>) => Promise<unknown>) {
  const { mutate, isPending, isSuccess, error, variables: sent } = useMutation({ mutationFn: work });
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (isPending) return;
    mutate(Object.fromEntries(new FormData(event.currentTarget)) as Fields<Name>);
  };
  return { onSubmit, isPending, isSuccess, error, sent };
}
