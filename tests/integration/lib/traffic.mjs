// Holds what the server says against the published schema of the revision in which it says it. Whoever
// imports lib/server.mjs or lib/stdio.mjs has it: fetch is watched, for official clients too, and the end of
// a server tells what was wrong. Without the schemas beside the project nothing is checked (schema.mjs
// counts that as skipped).
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import Ajv from 'ajv';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const here = dirname(fileURLToPath(import.meta.url));
export const schemaDir = process.env.MCP_SCHEMA_DIR ?? resolve(here, '../../../../shared/schema');

const NEWEST = '2026-07-28';
const NEWEST_LEGACY = '2025-11-25';
const VERSION = 'io.modelcontextprotocol/protocolVersion';

const violations = [];
const counts = new Map(); // revision → messages that were checked

// ---- schemas ----

// One of them; null: not there.
function load(name) {
  const file = join(schemaDir, `${name}.json`);
  if (!existsSync(file)) return null;
  const schema = JSON.parse(readFileSync(file, 'utf8'));
  const defs = schema.$defs ? '$defs' : 'definitions';
  const ajv = addFormats(new (schema.$defs ? Ajv2020 : Ajv)({ strict: false, allErrors: true }));
  ajv.addSchema(schema, schema.$id ?? name);
  // What is wrong with the value as `type`; null: nothing.
  return (type, value) => {
    const validate = ajv.getSchema(`${schema.$id ?? name}#/${defs}/${type}`);
    if (!validate) return `the schema ${name} has no ${type}`;
    return validate(value) ? null : `${type}: ${ajv.errorsText(validate.errors)}`;
  };
}

const loaded = new Map();

export function schemaOf(name) {
  if (!loaded.has(name)) loaded.set(name, load(name));
  return loaded.get(name);
}

const results = {
  initialize: 'InitializeResult',
  'server/discover': 'DiscoverResult',
  'tools/list': 'ListToolsResult',
  'tools/call': 'CallToolResult',
  'resources/list': 'ListResourcesResult',
  'resources/templates/list': 'ListResourceTemplatesResult',
  'resources/read': 'ReadResourceResult',
  'resources/subscribe': 'EmptyResult',
  'resources/unsubscribe': 'EmptyResult',
  'prompts/list': 'ListPromptsResult',
  'prompts/get': 'GetPromptResult',
  'completion/complete': 'CompleteResult',
  'logging/setLevel': 'EmptyResult',
  'subscriptions/listen': 'SubscriptionsListenResult',
  'tasks/get': 'GetTaskResult',
  'tasks/list': 'ListTasksResult',
  'tasks/result': 'CallToolResult', // of what was called; no other task is made here
  'tasks/cancel': 'CancelTaskResult',
  'tasks/update': 'UpdateTaskResult',
  ping: 'EmptyResult',
};

const errors = {
  [-32020]: 'HeaderMismatchError',
  [-32021]: 'MissingRequiredClientCapabilityError',
  [-32022]: 'UnsupportedProtocolVersionError',
};

// [schema, type] of a result.
function resultType(revision, method, result) {
  if (revision !== NEWEST) {
    if (method === 'tools/call' && result.task) return [`mcp-${revision}`, 'CreateTaskResult'];
    return [`mcp-${revision}`, results[method]];
  }
  if (result.resultType === 'input_required') return [`mcp-${revision}`, 'InputRequiredResult'];
  if (result.resultType === 'task') return ['ext-tasks', 'CreateTaskResult'];
  return [method.startsWith('tasks/') ? 'ext-tasks' : `mcp-${revision}`, results[method]];
}

function problemOfResult(revision, method, message) {
  const base = schemaOf(`mcp-${revision}`);
  const envelope = revision < NEWEST_LEGACY ? 'JSONRPCResponse' : 'JSONRPCResultResponse';
  if (!method) return 'an answer to nothing that was asked';
  const [name, type] = resultType(revision, method, message.result);
  if (!type) return `no result is known for ${method}`;
  return base(envelope, message) ?? schemaOf(name)?.(type, message.result);
}

function problemOfError(revision, message) {
  const base = schemaOf(`mcp-${revision}`);
  const hasNoId = message.id === undefined && revision < NEWEST_LEGACY;
  // Older schemas have no word for an error whose request could not be read.
  const problem = base(
    revision < NEWEST_LEGACY ? 'JSONRPCError' : 'JSONRPCErrorResponse',
    hasNoId ? { ...message, id: 0 } : message,
  );
  const type = revision === NEWEST && errors[message.error?.code];
  return problem ?? (type ? base(type, message) : null);
}

function problemOfNotification(revision, message) {
  if (revision === NEWEST && message.method === 'notifications/tasks')
    return schemaOf('ext-tasks')?.('TaskStatusNotification', message);
  return schemaOf(`mcp-${revision}`)('ServerNotification', message);
}

// What is wrong with a message of the server, which answers `method` (undefined: nothing); null: nothing.
export function problemOf(revision, method, message) {
  if (message === null || typeof message !== 'object' || Array.isArray(message)) return 'no message';
  if (message.jsonrpc !== '2.0') return 'no JSON-RPC 2.0';
  if (message.method !== undefined)
    return message.id === undefined
      ? problemOfNotification(revision, message)
      : schemaOf(`mcp-${revision}`)('ServerRequest', message);
  return message.error === undefined
    ? problemOfResult(revision, method, message)
    : problemOfError(revision, message);
}

// ---- conversations ----

function claimOf(message) {
  return message?.params?._meta?.[VERSION];
}

// What belongs together: the requests of one session, channel, pipe or POST, and what came back.
export class Conversation {
  constructor(revision = NEWEST_LEGACY) {
    this.revision = revision; // of messages that carry none
    this.asked = new Map(); // id → { method, revision }
  }

  // A message of the client, or an array of them, whatever it may be.
  sent(message) {
    for (const m of [message].flat()) {
      if (typeof m?.method !== 'string' || m.id === undefined) continue;
      const revision = claimOf(m) !== undefined ? NEWEST : this.revision;
      this.asked.set(JSON.stringify(m.id), { method: m.method, revision });
    }
  }

  received(message) {
    if (Array.isArray(message)) return void message.forEach((m) => this.received(m));
    const isAnswer = message?.method === undefined;
    const request = isAnswer ? this.asked.get(JSON.stringify(message?.id)) : undefined;
    if (request?.method === 'initialize' && message.result?.protocolVersion)
      this.revision = request.revision = message.result.protocolVersion;
    // In a pipe both eras meet; what belongs to a subscription says so.
    const subscription = message?.params?._meta?.['io.modelcontextprotocol/subscriptionId'];
    const revision = request?.revision ?? (subscription !== undefined ? NEWEST : this.revision);
    check(revision, request?.method, message);
  }
}

function check(revision, method, message) {
  if (!schemaOf(`mcp-${revision}`)) return;
  counts.set(revision, (counts.get(revision) ?? 0) + 1);
  const problem = problemOf(revision, method, message);
  if (!problem) return;
  const about = method ?? message?.method ?? 'a message';
  violations.push(`${revision}, ${about}: ${problem}\n${JSON.stringify(message).slice(0, 1500)}`);
}

// How many messages of a revision were held against its schema.
export function checked(revision) {
  return counts.get(revision) ?? 0;
}

// Fails when anything was wrong; each thing is told once.
export function assertTraffic() {
  const all = violations.splice(0);
  assert.ok(all.length === 0, `${all.length} messages break the protocol's schema:\n${all.slice(0, 5).join('\n')}`);
}

process.on('exit', () => {
  if (violations.length === 0) return;
  console.error(violations.slice(0, 5).join('\n'));
  process.exitCode = 1;
});

// ---- HTTP ----

const sessions = new Map(); // Mcp-Session-Id → Conversation
const channels = new Map(); // HTTP+SSE: sessionId → Conversation

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function conversationOf(url, headers, message) {
  const channel = url.searchParams.get('sessionId');
  if (channel) return channels.get(channel) ?? new Conversation();
  if (claimOf(message) !== undefined) return new Conversation(NEWEST);
  const session = headers.get('mcp-session-id');
  const named = headers.get('mcp-protocol-version');
  // A header alone makes a request one of that revision, if it has such a thing as a header.
  if (!session && named === NEWEST) return new Conversation(NEWEST);
  if (url.pathname.endsWith('/sse')) return new Conversation('2024-11-05');
  return sessions.get(session) ?? new Conversation();
}

// What one event of a stream says.
function onEvent(conversation, block) {
  const fields = block.split('\n').map((line) => /^([^:]*):? ?(.*)$/.exec(line));
  const data = fields.filter(([, name]) => name === 'data').map(([, , value]) => value);
  const event = fields.find(([, name]) => name === 'event')?.[2] ?? 'message';
  if (event === 'endpoint')
    return void channels.set(new URL(data[0], 'http://x').searchParams.get('sessionId'), conversation);
  if (event !== 'message' || data.length === 0 || data[0] === '') return;
  const message = parse(data.join('\n'));
  if (message === undefined) violations.push(`an event without JSON: ${block.slice(0, 500)}`);
  else conversation.received(message);
}

// Looks at the bytes as they pass, so that whoever reads or hangs up does so as before.
function observer(conversation, isStream, isOurs) {
  const decoder = new TextDecoder();
  let text = '';
  return new TransformStream({
    transform(chunk, controller) {
      controller.enqueue(chunk);
      text += decoder.decode(chunk, { stream: true });
      if (!isStream) return;
      for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2))
        onEvent(conversation, text.slice(0, end));
    },
    flush() {
      if (isStream) return;
      const message = parse(text);
      if (message !== undefined && isOurs(message)) conversation.received(message);
    },
  });
}

// {"error": text} is what HTTP alone says, before it is about MCP.
const isRpc = (message) => Array.isArray(message) || message?.jsonrpc !== undefined;

function watch(conversation, response) {
  const session = response.headers.get('mcp-session-id');
  const type = response.headers.get('content-type') ?? '';
  const isStream = type.startsWith('text/event-stream');
  if (session) sessions.set(session, conversation);
  if (!response.body || !(isStream || type.startsWith('application/json'))) return response;
  const watched = new Response(response.body.pipeThrough(observer(conversation, isStream, isRpc)), {
    status: response.status,
    statusText: response.statusText,
    headers: response.headers,
  });
  return Object.defineProperty(watched, 'url', { value: response.url });
}

const untouched = globalThis.fetch;
const paths = new Set(['/mcp', '/mcp/sse', '/sse']);

globalThis.fetch = async (input, init = {}) => {
  const url = new URL(input?.url ?? input);
  if (!paths.has(url.pathname)) return untouched(input, init);
  const message = typeof init.body === 'string' ? parse(init.body) : undefined;
  const headers = new Headers(init.headers ?? input?.headers);
  const conversation = conversationOf(url, headers, message);
  conversation.sent(message);
  return watch(conversation, await untouched(input, init));
};

// What was sent and came back by hand: a whole answer that is one JSON text. (In a body that a test cut
// or bent nothing that could be read was asked for.)
export function noteRaw(request, reply) {
  const [, version] = /\nmcp-protocol-version: *(\S+)/i.exec(request) ?? [];
  const [, session] = /\nmcp-session-id: *(\S+)/i.exec(request) ?? [];
  const message = parse(request.slice(request.indexOf('\r\n\r\n') + 4));
  const answer = parse(reply.slice(reply.indexOf('\r\n\r\n') + 4));
  if (answer === undefined || !isRpc(answer)) return;
  const headers = new Headers({
    ...(version && { 'mcp-protocol-version': version }),
    ...(session && { 'mcp-session-id': session }),
  });
  const conversation = conversationOf(new URL('http://raw/mcp'), headers, message);
  conversation.sent(message);
  conversation.received(answer);
}

// ---- pipes ----

// An official client's transport: what goes through it is one conversation.
export function watchTransport(transport) {
  const conversation = new Conversation();
  const send = transport.send.bind(transport);
  transport.send = (message, ...rest) => {
    conversation.sent(message);
    return send(message, ...rest);
  };
  let onmessage;
  Object.defineProperty(transport, 'onmessage', {
    get: () => onmessage && ((message, ...rest) => (conversation.received(message), onmessage(message, ...rest))),
    set: (fn) => (onmessage = fn),
  });
  return transport;
}
