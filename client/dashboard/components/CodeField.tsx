import { TextInput, type TextInputProps } from '@mantine/core';

/** A field for the code that an authenticator app shows. */
export function CodeField(props: TextInputProps) {
  return (
    <TextInput
      required
      label="Code of your app"
      name="code"
      inputMode="numeric"
      autoComplete="one-time-code"
      maxLength={10}
      description="The six digits that your authenticator app shows for Introzy"
      {...props}
    />
  );
}
