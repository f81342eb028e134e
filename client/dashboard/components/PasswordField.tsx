import { PasswordInput, type PasswordInputProps } from '@mantine/core';
import { PASSWORD } from '../../../shared/roles.ts';

/** A field for a new password. The service also refuses common passwords. */
export function NewPasswordField(props: PasswordInputProps) {
  return (
    <PasswordInput
      required
      name="new-password"
      autoComplete="new-password"
      minLength={PASSWORD.least}
      maxLength={PASSWORD.most}
      description={`${PASSWORD.least} characters or more, and not a common password`}
      visibilityToggleButtonProps={{ 'aria-label': 'Show the password', tabIndex: 0 }}
      {...props}
    />
  );
}

/** A field for the current password. */
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
