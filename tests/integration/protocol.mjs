// The protocol's own rules on the wire: revisions, sessions, headers, batches, the old transport.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LEGACY, Legacy, MODERN, Modern, textOf } from './lib/mcp.mjs';
import { useServer } from './lib/server.mjs';
import { events } from './lib/sse.mjs';
import { within } from './lib/until.mjs';

const server = await useServer(null, { args: ['--max-concurrent', '20'] });
const mcp = new Modern(server);
const TOOLS = [
  'cancel_execution',
  'execute_code',
  'execute_code_async',
  'get_execution_output',
  'get_execution_status',
  'list_executions',
  'list_files',
  'read_file',
  'send_stdin',
  'write_file',
];
const code = (reply) => reply.messages[0]?.error?.code;

describe('2026-07-28', () => {
  test('is discovered with every revision and what the server can', async () => {
    const { status, result } = await mcp.request('server/discover');
    assert.equal(status, 200);
    assert.equal(result.resultType, 'complete');
    assert.equal(result.supportedVersions[0], MODERN);
    assert.ok(result.capabilities.tools);
    assert.equal(typeof result.ttlMs, 'number');
    assert.ok(['public', 'private'].includes(result.cacheScope));
    assert.ok(result._meta['io.modelcontextprotocol/serverInfo'].name);
  });

  test('lists the tools with schemas and annotations', async () => {
    const { result } = await mcp.request('tools/list');
    assert.deepEqual(result.tools.map((t) => t.name).sort(), TOOLS);
    for (const tool of result.tools) {
      assert.equal(tool.inputSchema.type, 'object', tool.name);
      assert.equal(tool.inputSchema.additionalProperties, false, tool.name);
      for (const [name, property] of Object.entries(tool.inputSchema.properties))
        assert.ok(property.description, `${tool.name}.${name} has no description`);
      assert.ok(tool.outputSchema && tool.description && tool.annotations, tool.name);
    }
  });

  test('decorates every result and knows no session', async () => {
    const reply = await mcp.request('tools/call', { name: 'execute_code', arguments: { command: 'true' } });
    assert.equal(reply.result.resultType, 'complete');
    assert.equal(reply.headers.get('mcp-session-id'), null);
  });

  test('refuses headers that differ from the body', async () => {
    const params = { name: 'execute_code', arguments: { command: 'true' } };
    for (const headers of [
      { 'mcp-protocol-version': '2025-11-25' },
      { 'mcp-method': 'tools/list' },
      { 'mcp-method': 'Tools/Call' },
      { 'mcp-name': 'send_stdin' },
    ]) {
      const reply = await mcp.request('tools/call', params, { headers });
      assert.deepEqual([reply.status, code(reply)], [400, -32020], JSON.stringify(headers));
    }
    const body = mcp.message('tools/call', params);
    for (const missing of ['mcp-protocol-version', 'mcp-method', 'mcp-name']) {
      const headers = mcp.headersOf(body);
      delete headers[missing];
      const reply = await mcp.post(body, { headers });
      assert.deepEqual([reply.status, code(reply)], [400, -32020], `without ${missing}`);
    }
  });

  test('refuses a revision that there is not and says which there are', async () => {
    const body = mcp.message('tools/list');
    body.params._meta['io.modelcontextprotocol/protocolVersion'] = '2099-01-01';
    const reply = await mcp.post(body, {
      headers: { 'mcp-protocol-version': '2099-01-01', 'mcp-method': 'tools/list' },
    });
    assert.deepEqual([reply.status, code(reply)], [400, -32022]);
    const { supported, requested } = reply.messages[0].error.data;
    assert.equal(requested, '2099-01-01');
    assert.ok(supported.includes(MODERN));
  });

  test('answers methods that it does not know with 404', async () => {
    for (const method of ['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'no/such']) {
      const reply = await mcp.request(method, {});
      assert.deepEqual([reply.status, code(reply)], [404, -32601], method);
    }
  });

  test('wants the envelope', async () => {
    const headers = { 'mcp-protocol-version': MODERN, 'mcp-method': 'tools/list' };
    const bare = await mcp.post({ jsonrpc: '2.0', id: 1, method: 'tools/list' }, { headers });
    assert.deepEqual([bare.status, code(bare)], [400, -32602]);
  });

  test('answers an unknown tool with -32602', async () => {
    const reply = await mcp.request('tools/call', { name: 'no_such_tool', arguments: {} });
    assert.equal(reply.error.code, -32602);
  });

  test('sends progress of a call that asked for it, ever higher, before the response', async () => {
    const meta = { progressToken: 'p1' };
    const command = 'for i in 1 2 3 4; do echo $i; sleep 0.4; done';
    const { messages, result } = await mcp.request(
      'tools/call',
      { name: 'execute_code', arguments: { command } },
      { meta },
    );
    const progress = messages.filter((m) => m.method === 'notifications/progress');
    assert.ok(progress.length >= 1, 'no progress');
    assert.ok(progress.every((m) => m.params.progressToken === 'p1'));
    const values = progress.map((m) => m.params.progress);
    for (let i = 1; i < values.length; i++) assert.ok(values[i] > values[i - 1], values.join());
    assert.equal(messages.at(-1).result.structuredContent.exit_code, result.structuredContent.exit_code);
  });

  test('echoes ids as they came', async () => {
    for (const id of ['9007199254740993', '"a\\u00e9"', '"1"', '1', '-5']) {
      const body = JSON.stringify(mcp.message('server/discover', {}, { id: 'ID' })).replace('"ID"', id);
      const reply = await fetch(server.endpoint, {
        method: 'POST',
        headers: { ...mcp.headers, ...mcp.headersOf({ method: 'server/discover' }) },
        body,
      });
      const text = await reply.text();
      assert.ok(text.includes(`"id":${id}`) || text.includes(`"id":${JSON.stringify(JSON.parse(id))}`), text.slice(0, 200));
    }
  });
});

describe('JSON-RPC', () => {
  const bad = [
    ['what is no JSON', '{"jsonrpc":', -32700],
    ['trailing bytes', '{"jsonrpc":"2.0","id":1,"method":"ping"}x', -32700],
    ['what is no UTF-8', Buffer.from('{"jsonrpc":"2.0","id":1,"method":"p\xff"}', 'latin1'), -32700],
    ['another version', '{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600],
    ['a method that is no text', '{"jsonrpc":"2.0","id":1,"method":7}', -32600],
    ['an empty batch', '[]', -32600],
    ['a number', '7', -32600],
  ];
  for (const [what, body, expected] of bad)
    test(`refuses ${what}`, async () => {
      const reply = await fetch(server.endpoint, { method: 'POST', headers: mcp.headers, body });
      assert.equal(reply.status, 400);
      assert.equal((await reply.json()).error.code, expected);
    });

  test('that is nested too deep is refused', async () => {
    const body = `{"jsonrpc":"2.0","id":1,"method":"ping","params":${'['.repeat(5000)}${']'.repeat(5000)}}`;
    const reply = await fetch(server.endpoint, { method: 'POST', headers: mcp.headers, body });
    assert.equal(reply.status, 400);
  });
});

describe('revisions with a handshake', () => {
  for (const revision of LEGACY)
    test(`${revision} is negotiated and runs a command`, async () => {
      const old = await new Legacy(server, { revision }).open();
      assert.equal(old.initialized.protocolVersion, revision);
      assert.match(old.session, /^[\x21-\x7e]+$/);
      const result = await old.call('execute_code', { command: 'echo hi' });
      assert.equal(result.structuredContent !== undefined, revision >= '2025-06-18');
      const r = JSON.parse(result.content[0].text);
      assert.equal(textOf(r.output), 'hi\n');
      assert.equal(result.resultType, undefined);
    });

  test('answer a revision that there is not with the newest of theirs', async () => {
    for (const asked of ['2099-01-01', MODERN]) {
      const old = new Legacy(server, { revision: asked });
      const { result } = await old.request('initialize', {
        protocolVersion: asked,
        capabilities: {},
        clientInfo: { name: 'x', version: '1' },
      });
      assert.equal(result.protocolVersion, '2025-11-25');
    }
  });

  test('want the session: none is 400, an unknown or ended one is 404', async () => {
    const old = new Legacy(server);
    assert.equal((await old.request('tools/list', {})).status, 400);
    assert.equal((await old.request('tools/list', {}, { headers: { 'mcp-session-id': 'unknown' } })).status, 404);
    await old.open();
    assert.equal((await old.request('tools/list', {})).status, 200);
    assert.ok((await old.close()).ok);
    assert.equal((await old.request('tools/list', {})).status, 404);
    assert.equal((await old.close()).status, 404);
  });

  test('refuse a protocol version header that there is not', async () => {
    const old = await new Legacy(server).open();
    const reply = await old.request('tools/list', {}, { headers: { 'mcp-protocol-version': '1999-01-01' } });
    assert.equal(reply.status, 400);
  });

  test('answer ping', async () => {
    const old = await new Legacy(server).open();
    assert.deepEqual((await old.request('ping')).result, {});
  });

  test('keep the session of one principal from another', async (t) => {
    const own = await useServer(t, { args: ['--token', 'the-right-token-1'] });
    const old = await new Legacy(own, { token: 'the-right-token-1' }).open();
    delete old.headers.authorization;
    assert.equal((await old.request('tools/list', {})).status, 401);
  });

  test('take notifications/cancelled: the call ends and is not answered', async () => {
    const old = await new Legacy(server).open();
    const id = 4711;
    const call = old.request('tools/call', { name: 'execute_code', arguments: { command: 'sleep 600' } }, { id });
    const running = async () => (await old.tool('list_executions')).executions[0];
    let execution;
    while (!(execution = await running())) await new Promise((resolve) => setImmediate(resolve));
    assert.equal((await old.notify('notifications/cancelled', { requestId: id })).status, 202);
    const reply = await within('the call', 10_000, call.catch(() => ({ result: undefined })));
    assert.equal(reply.result, undefined);
    assert.equal((await old.ended(execution.id)).status, 'cancelled');
  });

  test('take a batch in 2025-03-26, and in no other', async () => {
    const batch = [
      { jsonrpc: '2.0', id: 1, method: 'ping' },
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 2, method: 'tools/list', params: {} },
      { jsonrpc: '2.0', id: 3, method: 'no/such' },
    ];
    const old = await new Legacy(server, { revision: '2025-03-26' }).open();
    const reply = await old.post(batch, { headers: old.headersOf() });
    assert.equal(reply.status, 200);
    const byId = new Map(reply.messages.flat().map((m) => [m.id, m]));
    assert.deepEqual(byId.get(1).result, {});
    assert.equal(byId.get(2).result.tools.length, TOOLS.length);
    assert.equal(byId.get(3).error.code, -32601);
    assert.equal(byId.size, 3);
    const later = await new Legacy(server, { revision: '2025-06-18' }).open();
    assert.equal((await later.post(batch, { headers: later.headersOf() })).status, 400);
  });
});

describe('the old transport', () => {
  // Opens a stream; gives an iterator of its events and the address that its first one names.
  async function open(path, t) {
    const gone = new AbortController();
    t.after(() => gone.abort());
    const response = await fetch(server.base + path, {
      headers: { accept: 'text/event-stream' },
      signal: gone.signal,
    });
    assert.equal(response.status, 200);
    const stream = events(response);
    const first = (await within('the first event', 5000, stream.next())).value;
    assert.equal(first.event, 'endpoint');
    return { stream, address: new URL(first.data, server.base), gone };
  }

  const send = (address, body) =>
    fetch(address, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

  for (const path of ['/mcp/sse', '/sse', '/mcp'])
    test(`answers on the stream of ${path}`, async (t) => {
      const { stream, address } = await open(path, t);
      const next = async () => JSON.parse((await within('an event', 10_000, stream.next())).value.data);
      const hello = {
        protocolVersion: '2024-11-05',
        capabilities: {},
        clientInfo: { name: 'old', version: '1' },
      };
      assert.equal((await send(address, { jsonrpc: '2.0', id: 1, method: 'initialize', params: hello })).status, 202);
      assert.equal((await next()).result.protocolVersion, '2024-11-05');
      await send(address, { jsonrpc: '2.0', method: 'notifications/initialized' });
      await send(address, {
        jsonrpc: '2.0',
        id: 2,
        method: 'tools/call',
        params: { name: 'execute_code', arguments: { command: 'echo over sse' } },
      });
      const reply = await next();
      assert.equal(reply.id, 2);
      assert.equal(textOf(JSON.parse(reply.result.content[0].text).output), 'over sse\n');
    });

  test('forgets the session when the stream is closed', async (t) => {
    const { address, gone } = await open('/sse', t);
    gone.abort();
    let status;
    for (let i = 0; i < 200 && status !== 404; i++)
      ({ status } = await send(address, { jsonrpc: '2.0', id: 1, method: 'ping' }));
    assert.equal(status, 404);
  });

  test('knows no session but its own', async () => {
    const reply = await send(`${server.base}/mcp?sessionId=unknown`, { jsonrpc: '2.0', id: 1, method: 'ping' });
    assert.equal(reply.status, 404);
  });
});
