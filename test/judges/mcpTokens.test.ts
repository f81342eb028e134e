import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { tools } from '../../server/doors/mcp/tools.ts';
import { MCP_HEADERS, rpc } from '../helpers/mcp.ts';
import { testApp } from '../helpers/testApp.ts';

// Loaded at run time: the compiler reads this file before the packages of this folder are installed.
const { countTokens } = createRequire(import.meta.url)('gpt-tokenizer') as { countTokens(text: string): number };

test('The list of tools costs a model 2,500 tokens at most', async () => {
  await using app = await testApp();
  const answer = await app.api(app.one.key, 'POST', '/mcp', rpc(1, 'tools/list'), MCP_HEADERS);
  const list = JSON.stringify(answer.body.result.tools);
  expect(answer.body.result.tools).toHaveLength(tools.length);
  expect(countTokens(list)).toBeLessThanOrEqual(2_500);
  // The rule of thumb of 4 characters a token stands for models whose tokens are not public.
  expect(list.length / 4).toBeLessThanOrEqual(2_500);
});
