import { Alert, Anchor, Button, FileInput, Group, Modal, Progress, Stack, Text } from '@mantine/core';
import { IconFileTypeCsv } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type { ImportProgress } from '../../../../shared/csv/importContacts.ts';
import { FormError } from '../../components/states.tsx';
import { importFile } from './importFile.ts';
import { useContactLists } from './lists.ts';
import { upsertPatiently } from './upsertPatiently.ts';

const NO_PROGRESS: ImportProgress = { created: 0, updated: 0, unchanged: 0, failed: 0, share: 0 };

/** A window that imports a CSV file, shows the progress, and offers the failed rows as a file. */
export default function ImportContacts({ onClose }: { onClose: () => void }) {
  const lists = useContactLists();
  const [file, setFile] = useState<File | null>(null);
  const [progress, setProgress] = useState(NO_PROGRESS);
  const abort = useRef<AbortController>(null);
  useEffect(() => () => abort.current?.abort(), []);
  const importing = useMutation({
    async mutationFn(chosen: File) {
      setProgress(NO_PROGRESS);
      const { signal } = (abort.current = new AbortController());
      try {
        return await importFile(chosen, {
          write: (contacts) => upsertPatiently(contacts, signal),
          onProgress: setProgress,
          signal,
        });
      } finally {
        await lists.restart();
      }
    },
  });
  const { isPending, isSuccess, data: failedRows, error } = importing;
  return (
    <Modal
      opened
      onClose={onClose}
      title="Import contacts"
      closeOnClickOutside={!isPending}
      closeOnEscape={!isPending}
      size="lg"
    >
      <Stack>
        <Text size="sm">
          The export of LinkedIn, Google Contacts or HubSpot, or a CSV file with a header of your own. Contacts are
          matched by email: those that are there already get what the file adds.
        </Text>
        <FileInput
          label="CSV file"
          placeholder="Choose a file"
          accept=".csv,text/csv,text/plain"
          leftSection={<IconFileTypeCsv size={16} />}
          value={file}
          onChange={setFile}
          disabled={isPending}
          clearable
        />
        {(isPending || isSuccess) && <Counts progress={progress} isDone={isSuccess} />}
        <FormError error={error} />
        {file && failedRows && <FailedRows failedRows={failedRows} importedFile={file.name} count={progress.failed} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={isPending ? () => abort.current?.abort() : onClose}>
            {isPending ? 'Stop' : 'Close'}
          </Button>
          {!isSuccess && (
            <Button disabled={!file} loading={isPending} onClick={() => file && importing.mutate(file)}>
              Import
            </Button>
          )}
        </Group>
      </Stack>
    </Modal>
  );
}

function Counts({
  progress: { share, created, updated, unchanged, failed },
  isDone,
}: {
  progress: ImportProgress;
  isDone: boolean;
}) {
  const percent = Math.round(share * 100);
  return (
    <Stack gap="xs">
      <Progress.Root size="lg">
        <Progress.Section value={percent} color={isDone ? 'green' : 'indigo'} aria-label="Progress of the import" />
      </Progress.Root>
      <Text size="sm" role="status">
        {isDone ? 'Done' : `${percent} %`}: {created} created, {updated} updated, {unchanged} unchanged, {failed} failed
      </Text>
    </Stack>
  );
}

interface FailedRowsProps {
  /** A CSV file. In each row the line and the reason of the failure come first. */
  failedRows: Blob;
  /** The name of the imported file. */
  importedFile: string;
  count: number;
}

function FailedRows({ failedRows, importedFile, count }: FailedRowsProps) {
  const [address, setAddress] = useState<string>();
  useEffect(() => {
    const made = URL.createObjectURL(failedRows);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [failedRows]);
  return (
    <Alert color="orange" variant="light" title={count === 1 ? 'One row failed' : `${count} rows failed`}>
      <Text size="sm">
        Mend them in this file, where each has its reason in front, and import it:{' '}
        <Anchor
          href={address ?? ''}
          download={importedFile.replace(/(\.[^.]*)?$/, '.failed.csv')}
          inherit
          underline="always"
        >
          download the failed rows
        </Anchor>
        .
      </Text>
    </Alert>
  );
}
