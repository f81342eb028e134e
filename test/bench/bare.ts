import { createServer } from 'node:http';

/** Answers each path with the JSON of its handler: node:http, and no check of anything. Prints the port. */
export function serveBare(handlers: Record<string, () => Promise<string>>) {
  const server = createServer((request, response) => {
    const handle = handlers[request.url ?? ''];
    if (!handle) return response.writeHead(404).end();
    handle().then(
      (data) => {
        const body = `{"success":true,"data":${data}}`;
        const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
        response.writeHead(200, headers).end(body);
      },
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  server.listen(0, '127.0.0.1', () => console.log((server.address() as { port: number }).port));
}
