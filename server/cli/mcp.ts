import { Command } from 'commander';

const HELP = `
For desktop clients, which start it themselves. INTROZY_API_KEY is the key to act with. INTROZY_URL is the service to use;
without it the command opens the database itself, as the others do, or, where the service has the embedded one, uses the
service at PUBLIC_URL, or at its HOST and PORT.`;

/** `introzy mcp` */
export function mcpCommand(): Command {
  return new Command('mcp')
    .description('serve MCP over standard input and output')
    .addHelpText('after', HELP)
    .action(async () => {
      // serveMcp.ts loads the whole service. Imported here, the file keeps no other command waiting.
      const { serveMcp } = await import('./serveMcp.ts');
      await serveMcp();
    });
}
