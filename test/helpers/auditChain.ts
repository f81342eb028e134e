import { sql } from 'kysely';
import { asOperator } from '../../db/admission.ts';
import { readChain } from '../../db/auditChain.ts';
import { createVerifier, type SealMark } from '../../server/cli/audit/verifyChain.ts';
import { sealAuditLog } from '../../server/start/sealAuditLog.ts';
import { type Opened, runAsAdmin } from './tables.ts';
import type { TestApp } from './testApp.ts';

/** Runs a round of sealing, and gives the lines that the round logged. */
export async function seal({ deps, logs }: TestApp): Promise<string[]> {
  const before = logs.length;
  await sealAuditLog(deps);
  return logs.slice(before);
}

export async function verify({ db }: Pick<TestApp, 'db'>, organizationId: string, noted?: SealMark) {
  const verifier = createVerifier(noted);
  await readChain(db, { organizationId }, verifier.add);
  return verifier.end();
}

/** Adds entries to an organization's audit log. */
export async function addEntries({ db }: Pick<TestApp, 'db'>, organizationId: string, count: number) {
  await sql`
    insert into audit_log (organization_id, actor, action, subject, details)
      select ${organizationId}::uuid, person, 'person.signedIn', person,
          jsonb_build_object('address', '203.0.113.0/24', 'userAgent', 'Firefox on Linux')
        from generate_series(1, ${count}::int) number,
          jsonb_build_object('type', 'person', 'id', number, 'name', 'person' || number || '@example.com') person`.execute(
    asOperator(db, organizationId),
  );
}

/** Changes rows as a superuser who has switched the triggers off. */
export const tamper = (app: Opened, statement: string) =>
  runAsAdmin(
    app,
    `do $tamper$ begin perform set_config('session_replication_role', 'replica', true); ${statement}; end $tamper$`,
  );
