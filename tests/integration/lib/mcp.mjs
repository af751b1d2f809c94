// MCP as it stands on the wire, by hand: what the official clients would not send can be sent too.
import assert from 'node:assert/strict';
import { checkResult } from './schema.mjs';
import { events } from './sse.mjs';

export const MODERN = '2026-07-28';
export const LEGACY = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'];

// An HTTP reply as { status, headers, messages }: the JSON-RPC messages of a JSON or an SSE body.
async function read(response) {
  const type = response.headers.get('content-type') ?? '';
  const messages = [];
  if (type.startsWith('text/event-stream')) {
    for await (const event of events(response)) messages.push(JSON.parse(event.data));
  } else {
    const text = await response.text();
    if (type.startsWith('application/json')) messages.push(...[JSON.parse(text)].flat());
  }
  return { status: response.status, headers: response.headers, messages };
}

// What both eras share: requests by number, tools by name.
class Caller {
  constructor(server, { token } = {}) {
    this.server = server;
    this.headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(token && { authorization: `Bearer ${token}` }),
    };
    this.lastId = 0;
  }

  async post(body, { headers, signal } = {}) {
    const response = await fetch(this.server.endpoint, {
      method: 'POST',
      headers: { ...this.headers, ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      signal,
    });
    return read(response);
  }

  // The response of a request: { status, headers, messages, result | error }.
  async request(method, params, options) {
    const message = this.message(method, params, options);
    const reply = await this.post(message, {
      signal: options?.signal,
      headers: { ...this.headersOf(message), ...options?.headers },
    });
    const response = reply.messages.find((m) => m.id === message.id || m.error) ?? {};
    return { ...reply, result: response.result, error: response.error };
  }

  // tools/call: the whole result, checked against the tool's outputSchema.
  async call(name, args = {}, options) {
    const reply = await this.request('tools/call', { name, arguments: args }, options);
    assert.equal(reply.status, 200, `${name}: HTTP ${reply.status} ${JSON.stringify(reply.messages)}`);
    assert.ok(reply.result, `${name}: ${JSON.stringify(reply.error)}`);
    await checkResult(this, name, reply.result);
    this.lastMessages = reply.messages;
    return reply.result;
  }

  // A call that should succeed: its structured result.
  async tool(name, args, options) {
    const result = await this.call(name, args, options);
    assert.ok(!result.isError, `${name} ${JSON.stringify(args)}: ${result.content[0]?.text}`);
    return result.structuredContent;
  }

  // A call that should be refused: the text for the model.
  async refusal(name, args, options) {
    const result = await this.call(name, args, options);
    assert.equal(result.isError, true, `${name} ${JSON.stringify(args)} was not refused`);
    return result.content[0].text;
  }

  // Runs a command to its end, and returns execute_code's structured result.
  run(command, args) {
    return this.tool('execute_code', { command, ...args });
  }

  // Starts a command and returns its id.
  async start(command, args) {
    return (await this.tool('execute_code_async', { command, ...args })).execution_id;
  }

  status(id) {
    return this.tool('get_execution_status', { execution_id: id });
  }

  output(id, args) {
    return this.tool('get_execution_output', { execution_id: id, ...args });
  }

  // Waits for the end, and returns the status.
  async ended(id) {
    await this.output(id, { wait: true });
    return this.status(id);
  }

  stdin(id, text, args) {
    return this.tool('send_stdin', { execution_id: id, input_data: text, ...args });
  }

  cancel(id, args) {
    return this.tool('cancel_execution', { execution_id: id, ...args });
  }
}

// 2026-07-28: everything a request needs travels with it.
export class Modern extends Caller {
  message(method, params = {}, { meta, id } = {}) {
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': MODERN,
      'io.modelcontextprotocol/clientInfo': { name: 'integration-test', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
      ...meta,
    };
    return { jsonrpc: '2.0', id: id ?? ++this.lastId, method, params: { ...params, _meta } };
  }

  headersOf({ method, params }) {
    const name = params?.name ?? params?.uri ?? params?.taskId;
    return {
      'mcp-protocol-version': MODERN,
      'mcp-method': method,
      ...(name !== undefined && { 'mcp-name': name }),
    };
  }
}

// The revisions with a handshake: one session.
export class Legacy extends Caller {
  constructor(server, { revision = '2025-11-25', ...options } = {}) {
    super(server, options);
    this.revision = revision;
  }

  message(method, params, { meta, id } = {}) {
    const body = meta ? { ...params, _meta: meta } : params;
    return { jsonrpc: '2.0', id: id ?? ++this.lastId, method, ...(body && { params: body }) };
  }

  headersOf() {
    return {
      ...(this.session && { 'mcp-session-id': this.session }),
      ...(this.session && this.revision >= '2025-06-18' && { 'mcp-protocol-version': this.revision }),
    };
  }

  async open(capabilities = {}) {
    const reply = await this.request('initialize', {
      protocolVersion: this.revision,
      capabilities,
      clientInfo: { name: 'integration-test', version: '1' },
    });
    assert.equal(reply.status, 200, JSON.stringify(reply.messages));
    this.session = reply.headers.get('mcp-session-id');
    this.initialized = reply.result;
    assert.equal((await this.notify('notifications/initialized')).status, 202);
    return this;
  }

  notify(method, params) {
    return this.post({ jsonrpc: '2.0', method, ...(params && { params }) }, { headers: this.headersOf() });
  }

  close() {
    return fetch(this.server.endpoint, {
      method: 'DELETE',
      headers: { ...this.headers, ...this.headersOf() },
    });
  }
}

// The bytes that a list of events carries, of one stream or of both.
export function bytesOf(list, type) {
  return Buffer.concat(
    list
      .filter((e) => (type ? e.type === type : e.type === 'stdout' || e.type === 'stderr'))
      .map((e) => Buffer.from(e.data, e.encoding === 'base64' ? 'base64' : 'utf8')),
  );
}

export function textOf(list, type) {
  return bytesOf(list, type).toString('utf8');
}

// Everything an execution wrote, page by page, with the polls that were needed.
export async function readAll(caller, id, args) {
  const pieces = [];
  let cursor;
  for (let polls = 1; ; polls++) {
    const page = await caller.output(id, {
      ...args,
      ...(cursor !== undefined && { last_event_id: cursor }),
    });
    pieces.push(...page.output);
    const isEnd = page.output.some((e) => e.type === 'exit');
    if (isEnd || (page.status !== 'running' && page.next_event_id === cursor))
      return { events: pieces, polls, last: page };
    cursor = page.next_event_id;
  }
}
