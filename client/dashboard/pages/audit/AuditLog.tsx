import { NativeSelect, Stack } from '@mantine/core';
import { useState } from 'react';
import type { AuditAction } from '../../../../shared/audit.ts';
import { AUDIT_ACTIONS } from '../../../../shared/auditActions.ts';
import { PageHeader } from '../../components/PageHeader.tsx';
import { AuditEntries } from './AuditEntries.tsx';
import { ACTION_WORDS } from './describeEntry.ts';

const ALL = 'all';

export default function AuditLog() {
  const [action, setAction] = useState<string>(ALL);
  return (
    <>
      <PageHeader title="Audit log">
        What happened to keys and members, and who signed in. Nobody can change it.
      </PageHeader>
      <Stack>
        <NativeSelect
          label="Show"
          maw={320}
          value={action}
          onChange={(event) => setAction(event.currentTarget.value)}
          data={[
            { value: ALL, label: 'Everything' },
            ...AUDIT_ACTIONS.map((value) => ({ value, label: ACTION_WORDS[value] })),
          ]}
        />
        <AuditEntries filter={action === ALL ? {} : { action: action as AuditAction }} />
      </Stack>
    </>
  );
}
