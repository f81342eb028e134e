import { PasswordInput, type PasswordInputProps } from '@mantine/core';
import { PASSWORD } from '../../../shared/roles.ts';

/** A password to be chosen. Its length is the one rule. */
export function NewPasswordField(props: PasswordInputProps) {
  return (
    <PasswordInput
      required
      name="new-password"
      autoComplete="new-password"
      minLength={PASSWORD.least}
      maxLength={PASSWORD.most}
      description={`${PASSWORD.least} characters or more`}
      visibilityToggleButtonProps={{ 'aria-label': 'Show the password', tabIndex: 0 }}
      {...props}
    />
  );
}

/** The password that one has. */
export function PasswordField(props: PasswordInputProps) {
  return (
    <PasswordInput
      required
      name="password"
      autoComplete="current-password"
      visibilityToggleButtonProps={{ 'aria-label': 'Show the password', tabIndex: 0 }}
      {...props}
    />
  );
}
