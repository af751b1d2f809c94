// The official clients: what kinds there are, how each connects and calls a tool.
import assert from 'node:assert/strict';
import * as v2 from '@modelcontextprotocol/client';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport as Sse1 } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport as Http1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const info = { name: 'integration-test', version: '1' };

// Each kind: how to connect, and how to call a tool with options (progress, abort signal).
export const kinds = [
  {
    name: 'SDK 1, Streamable HTTP',
    keepsSession: true,
    client: (options) => new Client1(info, options),
    transport: (server) => new Http1(new URL(server.endpoint)),
    call: (client, params, options) => client.callTool(params, undefined, options),
  },
  {
    name: 'SDK 1, HTTP+SSE',
    client: (options) => new Client1(info, options),
    transport: (server) => new Sse1(new URL(`${server.base}/mcp/sse`)),
    call: (client, params, options) => client.callTool(params, undefined, options),
  },
  ...[
    ['SDK 2, legacy', 'legacy', '2025-11-25'],
    ['SDK 2, auto', 'auto', '2026-07-28'],
    ['SDK 2, pinned to 2026-07-28', { pin: '2026-07-28' }, '2026-07-28'],
  ].map(([name, mode, negotiated]) => ({
    name,
    negotiated,
    keepsSession: true,
    client: (options) => new v2.Client(info, { ...options, versionNegotiation: { mode } }),
    transport: (server) => new v2.StreamableHTTPClientTransport(new URL(server.endpoint)),
    call: (client, params, options) => client.callTool(params, options),
  })),
];

// options: what the client declares; setUp(client): before it connects.
export async function connect(kind, server, { setUp, ...options } = {}) {
  const client = kind.client(options);
  setUp?.(client);
  const transport = kind.transport(server);
  await client.connect(transport);
  const tool = async (name, args, options) => {
    const result = await kind.call(client, { name, arguments: args }, options);
    assert.ok(!result.isError, `${name}: ${result.content[0]?.text}`);
    return result.structuredContent;
  };
  return { client, transport, tool };
}
