import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { serveApp, serveWithKey } from '../helpers/serveApp.ts';
import { testApp } from '../helpers/testApp.ts';
import { LEFT_OUT } from './conformance.ts';
import { programOf } from './judges.ts';

const run = promisify(execFile);
const leftOut = new Set(Object.values(LEFT_OUT).flat());

interface Check {
  id: string;
  status: string;
  errorMessage?: string;
}

/** Runs every server scenario of a revision against `url`. Gives the checks of each scenario by the scenario's name. */
async function judge(url: string, revision: string): Promise<Map<string, Check[]>> {
  const directory = await mkdtemp(join(tmpdir(), 'introzy-conformance-'));
  try {
    const args = ['server', '--url', url, '--requirements', revision, '--output-dir', directory];
    // The suite ends with 1 where any scenario fails. The tests below decide which scenarios may fail.
    const { stdout } = await run(programOf('conformance'), args).catch((error: { stdout: string }) => error);
    const scenarios = [...stdout.matchAll(/^=== Running scenario: (.*) ===$/gm)].map(([, name]) => name as string);
    const results = await readdir(directory);
    const read = async (scenario: string) => {
      const folder = results.find((name) => name.startsWith(`server-${scenario}-2`)) ?? 'none';
      return JSON.parse(await readFile(join(directory, folder, 'checks.json'), 'utf8')) as Check[];
    };
    return new Map(await Promise.all(scenarios.map(async (name) => [name, await read(name)] as const)));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

describe('The conformance suite of MCP finds nothing but what is left out on purpose', () => {
  for (const [revision, count] of [
    ['2026-07-28', 50],
    ['2025-11-25', 33],
  ] as const) {
    test(`in revision ${revision}`, { timeout: 180_000 }, async () => {
      await using app = await testApp();
      // The suite cannot send a key.
      await using server = await serveWithKey(app, app.one.key);
      const judged = await judge(`${server.address}/mcp`, revision);
      expect(judged.size).toBe(count);
      const isFailed = ({ status }: Check) => status === 'FAILURE';
      const unexpected = [...judged].flatMap(([scenario, checks]) =>
        checks
          .filter((check) => isFailed(check) && !leftOut.has(scenario) && !leftOut.has(`${scenario}:${check.id}`))
          .map(({ id, errorMessage }) => `${scenario}:${id}: ${errorMessage}`),
      );
      expect(unexpected).toEqual([]);
      // Each entry that is left out must still fail. The messages must be valid even in the scenarios that are left
      // out.
      const stale = [...leftOut].filter((name) => {
        const [scenario = '', id] = name.split(':');
        return judged.get(scenario)?.some((check) => !id || check.id === id) && !judged.get(scenario)?.some(isFailed);
      });
      expect(stale).toEqual([]);
      const wire = [...judged.values()].flat().filter(({ id }) => id === 'wire-schema-valid');
      expect(wire.length).toBeGreaterThan(20);
      expect(wire.filter(isFailed)).toEqual([]);
    });
  }
});

test('The Inspector, on its command line, lists the tools, finds no fault in their schemas, and calls them', async () => {
  await using app = await testApp();
  await using server = await serveApp(app.app.fetch);
  const inspect = async (...args: string[]) => {
    const connection = ['--cli', `${server.address}/mcp`, '--header', `Authorization: Bearer ${app.one.key}`];
    const { stdout } = await run(programOf('mcp-inspector'), [...connection, ...args]);
    return JSON.parse(stdout);
  };
  const { tools } = await inspect('--method', 'tools/list', '--strict');
  expect(tools.map(({ name }: { name: string }) => name)).toContain('search_contacts');
  const call = (name: string, ...args: string[]) =>
    inspect('--method', 'tools/call', '--tool-name', name, ...args.flatMap((arg) => ['--tool-arg', arg]));
  const made = await call('create_contact', 'name=Grace Hopper', 'tags=["navy"]');
  const { contact } = made.structuredContent;
  expect(contact).toMatchObject({ name: 'Grace Hopper', tags: ['navy'], version: 1 });
  const found = await call('search_contacts', 'query=grace hopper', 'limit=5');
  expect(found.structuredContent).toEqual({ contacts: [contact], nextCursor: null });
  const { stdout } = await run(programOf('mcp-inspector'), [
    ...['--cli', `${server.address}/mcp`, '--header', 'Authorization: Bearer introzy_no', '--method', 'tools/list'],
  ]).catch((error: { stdout: string; stderr: string }) => ({ stdout: error.stdout + error.stderr }));
  expect(stdout).toMatch(/auth_required/);
});
