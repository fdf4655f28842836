/** The MCP SDK's own server and client over streamable HTTP on loopback. The server remembers what it ran. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { load } from './packages.ts';

export interface RanTool {
  readonly name: string;
  readonly arguments: unknown;
  readonly isError: boolean;
  readonly text: string;
}

export interface ToolServer {
  readonly port: number;
  readonly ran: readonly RanTool[];
  close(): Promise<void>;
}

interface Protocol {
  connect(transport: object): Promise<void>;
  setRequestHandler(schema: unknown, handler: (request: CallToolRequest, extra: Extra) => Promise<unknown>): void;
  close(): Promise<void>;
}
interface CallToolRequest {
  readonly params: {
    readonly name: string;
    readonly arguments?: Record<string, unknown>;
    readonly _meta?: { readonly progressToken?: unknown };
  };
}
interface Extra {
  sendNotification(notification: object): Promise<void>;
}
interface ServerModule {
  readonly Server: new (info: object, options: object) => Protocol;
}
interface TransportModule {
  readonly StreamableHTTPServerTransport: new (
    options: object,
  ) => {
    handleRequest(request: IncomingMessage, response: ServerResponse): Promise<void>;
  };
}
interface TypesModule {
  readonly CallToolRequestSchema: unknown;
  readonly ListToolsRequestSchema: unknown;
}
interface ClientModule {
  readonly Client: new (
    info: object,
  ) => {
    connect(transport: object): Promise<void>;
    listTools(): Promise<unknown>;
    callTool(params: object, schema?: undefined, options?: object): Promise<unknown>;
    close(): Promise<void>;
  };
}
interface ClientTransportModule {
  readonly StreamableHTTPClientTransport: new (url: URL, options?: object) => object;
}

const TEXTS: Readonly<Record<string, string>> = { lookup: 'Sunny – 12 °C', slow: 'Done at last' };

async function makeServer(ran: RanTool[]): Promise<Protocol> {
  const { Server } = await load<ServerModule>('@modelcontextprotocol/sdk/server/index.js');
  const types = await load<TypesModule>('@modelcontextprotocol/sdk/types.js');
  const server = new Server({ name: 'fake-tools', version: '1.0.0' }, { capabilities: { tools: {} } });
  const tools = Object.keys(TEXTS).map((name) => ({ name, inputSchema: { type: 'object' } }));
  server.setRequestHandler(types.ListToolsRequestSchema, async () => ({ tools }));
  server.setRequestHandler(types.CallToolRequestSchema, async ({ params }, { sendNotification }) => {
    const { name, arguments: args = {}, _meta } = params;
    if (_meta?.progressToken !== undefined) {
      for (let progress = 1; progress <= 3; progress++) {
        const told = { progressToken: _meta.progressToken, progress, total: 3 };
        await sendNotification({ method: 'notifications/progress', params: told });
      }
    }
    const text = TEXTS[name] ?? `There is no tool ${name}`;
    const isError = !(name in TEXTS);
    ran.push({ name, arguments: args, isError, text });
    return { content: [{ type: 'text', text }], isError };
  });
  return server;
}

/** Each request has a server and a transport of its own, as stateless deployments do. */
export async function startToolServer(json: boolean): Promise<ToolServer> {
  const { StreamableHTTPServerTransport } = await load<TransportModule>(
    '@modelcontextprotocol/sdk/server/streamableHttp.js',
  );
  const ran: RanTool[] = [];
  const http: Server = createServer((request, response) => {
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: json });
    makeServer(ran)
      .then((server) => server.connect(transport))
      .then(() => transport.handleRequest(request, response))
      .catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    port: (http.address() as AddressInfo).port,
    ran,
    close: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

export async function runTools(url: string): Promise<void> {
  const { Client } = await load<ClientModule>('@modelcontextprotocol/sdk/client/index.js');
  const { StreamableHTTPClientTransport } = await load<ClientTransportModule>(
    '@modelcontextprotocol/sdk/client/streamableHttp.js',
  );
  const client = new Client({ name: 'fake-agent', version: '1.0.0' });
  const headers = { 'x-agent-id': 'tool-user', 'x-session-id': 'session-mcp' };
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } }));
  await client.listTools();
  const meta = { 'claudecode/toolUseId': 'toolu_made_up' };
  await client.callTool({ name: 'lookup', arguments: { query: 'weather in Tromsø', days: 3 }, _meta: meta });
  await client.callTool({ name: 'lookup', arguments: { days: 3, query: 'weather in Tromsø' } });
  await client.callTool({ name: 'slow', arguments: {} }, undefined, { onprogress: () => undefined });
  await client.callTool({ name: 'missing', arguments: { a: [1, 2] } });
  await Promise.all([1, 2, 3].map((day) => client.callTool({ name: 'lookup', arguments: { day } })));
  await client.close();
}
