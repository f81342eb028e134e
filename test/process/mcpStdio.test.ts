import { resolve } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { expect, test } from 'vitest';
import { commandLine } from '../helpers/commandLine.ts';
import { rpc, toolsOf } from '../helpers/mcp.ts';
import { PROCESS, startService } from '../helpers/service.ts';

const CLI = resolve(import.meta.dirname, '../../server/cli.ts');
const PATIENCE = { timeout: 120_000 };

/** A client that starts the command as desktop clients do, and speaks to it over its standard input and output. */
async function connectStdio(env: NodeJS.ProcessEnv, mode: 'auto' | 'legacy' = 'legacy') {
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [CLI, 'mcp'],
    env: { ...PROCESS, ...env } as Record<string, string>,
    stderr: 'pipe',
  });
  await client.connect(transport);
  return { client, ...toolsOf(client), [Symbol.asyncDispose]: () => client.close() };
}

const setUp = async (cli: Awaited<ReturnType<typeof commandLine>>) =>
  (await cli.json('setup', '--organization', 'Example', '--email', 'owner@example.com')).key as string;

test.each(['postgres', 'embedded'] as const)(
  'Over stdio the tools work on the database itself (%s)',
  PATIENCE,
  async (kind) => {
    await using cli = await commandLine(kind);
    const key = await setUp(cli);
    for (const mode of ['legacy', 'auto'] as const) {
      await using mcp = await connectStdio({ ...cli.environment, INTROZY_API_KEY: key }, mode);
      expect((await mcp.client.listTools()).tools).toHaveLength(10);
      const { contact } = await mcp.result('create_contact', { name: `Ada ${mode}` });
      expect(await mcp.result('search_contacts', { query: mode })).toEqual({ contacts: [contact], nextCursor: null });
      const { organization, callsLeft } = await mcp.result('whoami');
      expect(organization.name).toBe('Example');
      expect(callsLeft).toBeLessThan(300);
      const { text, error } = await mcp.failure('update_contact', { id: crypto.randomUUID(), notes: null });
      expect([text, error]).toEqual([
        expect.stringMatching(/^There is no contact/),
        expect.objectContaining({ status: 404 }),
      ]);
      const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };
      const customFields = { n: rawJSON('9007199254740993') };
      const refused = await mcp.failure('create_contact', { name: 'Ada', customFields });
      expect(refused.error).toMatchObject({ status: 400, details: { issues: [{ path: ['customFields', 'n'] }] } });
      await expect(mcp.call('nothing')).rejects.toThrow(/There is no tool nothing/);
    }
    expect((await cli.call(key, '/api/contacts')).body.data).toHaveLength(2);
  },
);

test(
  'Over stdio a running service is used: the one that has the database, or the one that is named',
  PATIENCE,
  async () => {
    await using cli = await commandLine('embedded');
    const key = await setUp(cli);
    await using service = await startService(cli.environment as Record<string, string>);
    const { port } = new URL(service.address);
    const ways = [{ INTROZY_URL: service.address }, { PORT: port }];
    for (const way of ways) {
      await using mcp = await connectStdio({ ...cli.environment, ...way, INTROZY_API_KEY: key });
      const { key: own } = await mcp.result('whoami');
      const { body } = await service.call(key, 'DELETE', `/api/contacts/${own.id}`);
      expect(body.success).toBe(false);
      await mcp.result('create_contact', { name: 'From the desktop' });
    }
    const { data } = (await service.call(key, 'GET', '/api/contacts')).body;
    expect(data).toHaveLength(ways.length);

    await using mcp = await connectStdio({ ...cli.environment, INTROZY_URL: service.address, INTROZY_API_KEY: key });
    const { id } = (await service.call(key, 'GET', '/api/keys/current')).body.data;
    await service.call(key, 'DELETE', `/api/keys/${id}`);
    expect((await mcp.failure('whoami')).text).toMatch(/API key has been revoked. Ask the person who runs you/);
  },
);

test(
  'It answers what was asked before its input ended; without a key that is taken it does not start',
  PATIENCE,
  async () => {
    await using cli = await commandLine();
    const key = await setUp(cli);
    const initialize = rpc(1, 'initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'test', version: '1' },
    });
    const lines = [initialize, rpc(undefined, 'notifications/initialized'), rpc(2, 'tools/call', { name: 'whoami' })];
    const input = `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`;
    // A file gives a line end with the key.
    const { status, stdout, stderr } = await cli.run(['mcp'], { env: { INTROZY_API_KEY: ` ${key}\r\n` }, input });
    expect([status, stderr]).toEqual([0, '']);
    const answers = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(answers).toMatchObject([{ id: 1 }, { id: 2, result: { structuredContent: { organization: {} } } }]);

    const fails = async (env: NodeJS.ProcessEnv) => {
      const { status, stdout, stderr } = await cli.run(['mcp'], { env });
      expect([status, stdout]).toEqual([1, '']);
      return stderr.trimEnd();
    };
    expect(await fails({})).toBe(
      'error: INTROZY_API_KEY is not set: give it a key of the organization, from Settings → API Keys.',
    );
    expect(await fails({ INTROZY_API_KEY: 'introzy_12' })).toMatch(
      /^error: INTROZY_API_KEY is not an API key: give it/,
    );
    const unknown = `introzy_${'0'.repeat(64)}`;
    expect(await fails({ INTROZY_API_KEY: unknown })).toBe(
      'error: API key authentication failed: Invalid API key. Ask the person who runs you for a valid API key.',
    );
    const nowhere = { INTROZY_API_KEY: unknown, INTROZY_URL: 'http://127.0.0.1:1' };
    expect(await fails(nowhere)).toMatch(/^error: No service answers at http:\/\/127.0.0.1:1. Start it/);
    expect(await fails({ ...nowhere, INTROZY_URL: 'ftp://x' })).toMatch(/^error: INTROZY_URL must be the address/);
  },
);
