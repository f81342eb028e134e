import { Button, Code, Group, Stack, Text } from '@mantine/core';
import { encode } from 'uqr';
import { auth, type NewFactor } from '../../../auth.ts';
import { CodeField } from '../../../components/CodeField.tsx';
import { CopyText } from '../../../components/CopyText.tsx';
import { FormError } from '../../../components/states.tsx';
import { useForm } from '../../../components/useForm.ts';

interface ConfirmAppProps {
  fresh: NewFactor;
  onConfirmed: () => unknown;
  onCancel: () => void;
}

/** Shows the picture that an app reads, and takes the app's first code. */
export function ConfirmApp({ fresh: { totpURI }, onConfirmed, onCancel }: ConfirmAppProps) {
  const form = useForm<'code'>(async ({ code }) => {
    await auth.giveCode(code);
    await onConfirmed();
  });
  const seed = new URL(totpURI).searchParams.get('secret') ?? '';
  return (
    <form onSubmit={form.onSubmit}>
      <Stack>
        <Text size="sm">Scan the picture with your authenticator app, or type the key into the app.</Text>
        <QrCode text={totpURI} />
        <Group gap="xs">
          <Code className="secret" tabIndex={0} aria-label="The key for the app" data-testid="seed">
            {seed}
          </Code>
          <CopyText text={seed} what="key" />
        </Group>
        <FormError error={form.error} />
        <CodeField autoFocus />
        <Group>
          <Button type="submit" loading={form.isPending}>
            Switch the second factor on
          </Button>
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** A QR code, dark on white in both themes, as some apps read no other. */
function QrCode({ text }: { text: string }) {
  const { data, size } = encode(text, { border: 3 });
  const dark = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])));
  return (
    <svg
      viewBox={`0 0 ${size} ${size}`}
      width={220}
      height={220}
      role="img"
      aria-label="QR code for your authenticator app"
      shapeRendering="crispEdges"
    >
      <rect width={size} height={size} fill="#fff" />
      <path d={dark.join('')} fill="#000" />
    </svg>
  );
}
