import { Button, VisuallyHidden } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useEffect, useEffectEvent } from 'react';

interface CopyTextProps {
  text: string;
  /** The text's name: `key`, `curl line`. */
  what: string;
  onCopied?: () => void;
}

/** A button that copies `text`, and says when the text is copied. */
export function CopyText({ text, what, onCopied }: CopyTextProps) {
  const { copy, copied, error } = useClipboard({ timeout: 3_000 });
  const tell = useEffectEvent(() => onCopied?.());
  useEffect(() => {
    if (copied) tell();
  }, [copied]);
  return (
    <>
      <Button
        size="xs"
        variant={copied ? 'filled' : 'light'}
        leftSection={copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
        onClick={() => copy(text)}
      >
        {copied ? 'Copied' : error ? 'Copy it by hand' : `Copy the ${what}`}
      </Button>
      <VisuallyHidden role="status">{copied ? `The ${what} is copied` : ''}</VisuallyHidden>
    </>
  );
}
