import { randomUUID } from 'node:crypto';
import pg from 'pg';

/** Which database a test project runs on. */
export type TestDatabase =
  | { kind: 'embedded' }
  /** `adminUrl` may make databases; `ownerUrl` is the user, no superuser, that the service connects as. */
  | { kind: 'postgres'; adminUrl: string; ownerUrl: string };

/** Milliseconds, where time is not the subject: a machine that does other things too is no reason for a 503. */
export const PATIENT_LIMITS = { statement: 20_000, lock: 20_000, deadline: 25_000 } as const;

declare module 'vitest' {
  interface ProvidedContext {
    database: TestDatabase;
  }
}

/** Makes a database of its own, and drops it in the end. */
export async function createDatabase({ adminUrl, ownerUrl }: TestDatabase & { kind: 'postgres' }) {
  const name = `introzy_${randomUUID().replaceAll('-', '')}`;
  const owner = new URL(ownerUrl).username;
  await runAs(adminUrl, [`create database ${name} owner ${owner}`]);
  const at = (url: string) => Object.assign(new URL(url), { pathname: `/${name}` }).href;
  return {
    url: at(ownerUrl),
    adminUrl: at(adminUrl),
    drop: () => runAs(adminUrl, [`drop database if exists ${name} with (force)`]),
  };
}

/** Runs statements, one by one, over a connection of their own. */
export async function runAs(url: string, statements: string[]) {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const results = [];
    for (const statement of statements) results.push(await client.query(statement));
    return results;
  } finally {
    await client.end();
  }
}
