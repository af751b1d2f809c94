// The official client with the package for tasks.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { createTaskSessionFromClient } from '@modelcontextprotocol/ext-tasks/client';
import { Modern } from './mcp.mjs';

const clientInfo = { name: 'integration-test', version: '1' };
const clientCapabilities = {
  elicitation: {},
  extensions: { 'io.modelcontextprotocol/tasks': {} },
};

// Tasks of 2026-07-28 are beyond the client's own codecs: the package wants to be given the way.
function rawDispatch(caller) {
  return async (request, options) => {
    const message = { jsonrpc: '2.0', ...request, id: request.id ?? ++caller.lastId };
    const reply = await caller.post(message, {
      headers: { ...caller.headersOf(message), ...options?.headers },
      signal: options?.signal,
    });
    const { result, error } = reply.messages.find((m) => m.id === message.id || m.error);
    return error ? { kind: 'error', error } : { kind: 'result', result };
  };
}

// onInput: answers questions of tasks. Returns { session, close }.
export async function connectTasks(server, era, { onInput } = {}) {
  const isModern = era === '2026-07-28';
  const client = new Client(clientInfo, {
    capabilities: isModern ? clientCapabilities : { elicitation: {} },
    versionNegotiation: { mode: isModern ? { pin: era } : 'legacy' },
  });
  await client.connect(new StreamableHTTPClientTransport(new URL(server.endpoint)));
  const session = createTaskSessionFromClient(client, {
    endpointId: server.endpoint,
    onInputRequest: onInput,
    ...(isModern && {
      rawDispatch: rawDispatch(new Modern(server)),
      v2RequestFraming: { protocolVersion: era, clientInfo, clientCapabilities },
    }),
  });
  return {
    session,
    async close() {
      await session.close();
      await client.close();
    },
  };
}
