// HTTP around MCP: who may ask, methods, sizes, health, metrics.
import assert from 'node:assert/strict';
import { Agent, get } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { Legacy, Modern, MODERN } from './lib/mcp.mjs';
import { rawPost, rawRequest } from './lib/raw.mjs';
import { useServer } from './lib/server.mjs';
import { until } from './lib/until.mjs';

const server = await useServer(null, { config: 'server:\n  max_body: 64KiB\n  max_header: 16KiB\n' });
const mcp = new Modern(server);

const ping = JSON.stringify(mcp.message('server/discover'));
const modernHeaders = { 'MCP-Protocol-Version': MODERN, 'Mcp-Method': 'server/discover' };
const post = (headers, body = ping) => rawPost(server, body, { ...modernHeaders, ...headers });

describe('Origin and Host', () => {
  test('of this server and of localhost are served', async () => {
    for (const origin of [server.base, `http://localhost:${server.port}`])
      assert.equal((await post({ Origin: origin })).status, 200, origin);
    assert.equal((await post({ Host: `localhost:${server.port}` })).status, 200);
  });

  test('of others are refused with 403', async () => {
    for (const origin of ['http://evil.example', 'null', `http://127.0.0.1.evil.example:${server.port}`])
      assert.equal((await post({ Origin: origin })).status, 403, origin);
    assert.equal((await post({ Host: 'evil.example' })).status, 403);
    assert.equal((await post({ Host: `evil.example:${server.port}` })).status, 403);
  });

  test('that are configured are served', async (t) => {
    const own = await useServer(t, {
      config: 'server:\n  allowed_hosts: [mcp.example]\n  allowed_origins: ["https://app.example"]\n',
    });
    const reply = await rawPost(own, ping, { ...modernHeaders, Host: 'mcp.example', Origin: 'https://app.example' });
    assert.equal(reply.status, 200);
  });

  test('are checked on every path', async () => {
    const text = (path) => `GET ${path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`;
    for (const path of ['/mcp', '/metrics', '/mcp/sse'])
      assert.equal((await rawRequest(server, text(path))).status, 403, path);
  });
});

describe('a browser', () => {
  test('of an allowed origin gets its preflight answered', async () => {
    const reply = await fetch(server.endpoint, {
      method: 'OPTIONS',
      headers: {
        origin: server.base,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type,mcp-session-id',
      },
    });
    assert.ok([200, 204].includes(reply.status), `${reply.status}`);
    assert.match(reply.headers.get('access-control-allow-methods') ?? '', /POST/);
    assert.match(reply.headers.get('access-control-allow-headers') ?? '', /mcp-session-id/i);
    assert.notEqual(reply.headers.get('access-control-allow-origin'), '*');
  });
});

describe('a token', () => {
  const token = 'a-token-of-this-test';

  test('is asked for with 401 and a challenge, everywhere but at health', async (t) => {
    const own = await useServer(t, { args: ['--token', token] });
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: `Basic ${token}` }]) {
      const reply = await fetch(own.endpoint, {
        method: 'POST',
        headers: { ...mcp.headers, ...mcp.headersOf({ method: 'server/discover' }), ...headers },
        body: ping,
      });
      assert.equal(reply.status, 401);
      assert.match(reply.headers.get('www-authenticate'), /^Bearer/);
    }
    for (const path of ['/metrics', '/mcp', '/mcp/sse']) assert.equal((await own.get(path)).status, 401, path);
    for (const path of ['/health', '/health/live', '/health/ready'])
      assert.equal((await own.get(path)).status, 200, path);
  });

  test('opens the door, from flag and from environment', async (t) => {
    const byFlag = await useServer(t, { args: ['--token', token] });
    const byVariable = await useServer(t, { env: { SANDBOX_AUTH_TOKEN: token } });
    for (const own of [byFlag, byVariable])
      assert.equal((await new Modern(own, { token }).run('true')).exit_code, 0);
  });
});

describe('methods and sizes', () => {
  test('an unknown path is 404', async () => {
    for (const path of ['/', '/nope', '/mcp/nope', '/../etc/passwd']) assert.equal((await server.get(path)).status, 404, path);
  });

  test('a method that a path does not know is 405 and says which it knows', async () => {
    for (const [path, method] of [['/mcp', 'PUT'], ['/mcp', 'PATCH'], ['/health', 'POST'], ['/metrics', 'DELETE']]) {
      const reply = await server.get(path, { method });
      assert.equal(reply.status, 405, `${method} ${path}`);
      assert.ok(reply.headers.get('allow'), `${method} ${path}`);
    }
  });

  test('HEAD has the headers of GET and no body', async () => {
    const text = `HEAD /health HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nConnection: close\r\n\r\n`;
    const reply = await rawRequest(server, text);
    assert.equal(reply.status, 200);
    assert.equal(reply.body, '');
    assert.equal(reply.headers['content-length'], String((await (await server.get('/health')).text()).length));
  });

  test('a body above the limit is 413, with a length and in chunks', async () => {
    const big = 'x'.repeat(70_000);
    assert.equal((await post({}, big)).status, 413);
    const chunked = `11170\r\n${big}\r\n0\r\n\r\n`;
    const reply = await rawPost(server, chunked, { 'Content-Length': null, 'Transfer-Encoding': 'chunked' });
    assert.equal(reply.status, 413);
  });

  test('headers above the limit are 431', async () => {
    assert.equal((await post({ 'X-Long': 'x'.repeat(20_000) })).status, 431);
  });

  test('a body that is not declared as JSON is 415', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', null])
      assert.equal((await post({ 'Content-Type': type })).status, 415, String(type));
    assert.equal((await post({ 'Content-Type': 'application/json; charset=utf-8' })).status, 200);
  });

  test('an Accept that takes neither form is 406', async () => {
    assert.equal((await post({ Accept: 'text/html' })).status, 406);
    for (const accept of ['*/*', null, 'text/event-stream, application/json;q=0.5'])
      assert.equal((await post({ Accept: accept })).status, 200, String(accept));
  });

  test('requests one after the other on one connection are answered in order', async () => {
    const one = `GET /health HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n`;
    const reply = await rawRequest(server, `${one}\r\n${one}\r\n${one}Connection: close\r\n\r\n`);
    assert.equal(reply.text.match(/HTTP\/1\.1 200/g).length, 3);
  });

  test('a length said twice or beside chunks is refused', async () => {
    const twice = await post({ 'Content-Length': [String(ping.length), '5'] });
    assert.equal(twice.status, 400);
    const both = await rawPost(server, `${ping.length.toString(16)}\r\n${ping}\r\n0\r\n\r\n`, {
      ...modernHeaders,
      'Transfer-Encoding': 'chunked',
    });
    assert.equal(both.status, 400);
  });
});

describe('health', () => {
  test('says healthy, alive and ready', async () => {
    assert.deepEqual(await (await server.get('/health')).json(), { status: 'healthy' });
    for (const path of ['/health/live', '/health/ready']) assert.equal((await server.get(path)).status, 200);
  });

  // On the connection that it has: new ones are not taken.
  test('is not ready while draining, says so, and lets work end', async (t) => {
    const own = await useServer(t);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const ready = () =>
      new Promise((done, fail) =>
        get(`${own.base}/health/ready`, { agent }, async (r) => done({ status: r.statusCode, text: await text(r) })).on('error', fail),
      );
    assert.equal((await ready()).status, 200);
    const caller = new Modern(own);
    const call = caller.run('sleep 1.5; echo whole');
    await until('it to run', async () => (await caller.tool('list_executions')).executions.length === 1);
    own.signal('SIGTERM');
    const reply = await until('503', async () => {
      const r = await ready();
      return r.status === 503 && r;
    });
    assert.equal(JSON.parse(reply.text).draining, true);
    assert.equal((await call).exit_code, 0);
    assert.deepEqual(await own.exit, { code: 0, signal: null });
  });
});

describe('metrics', () => {
  test('are Prometheus text that counts what happened', async () => {
    const value = async (pattern) => {
      const text = await (await server.get('/metrics')).text();
      const lines = text.split('\n').filter((line) => pattern.test(line));
      return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    };
    const ended = /^[a-z_]*executions_ended_total\{/;
    const before = await value(ended);
    await mcp.run('true');
    assert.equal(await value(ended), before + 1);
    const reply = await server.get('/metrics');
    assert.match(reply.headers.get('content-type'), /^text\/plain/);
    for (const line of (await reply.text()).trimEnd().split('\n'))
      assert.match(line, /^(# (HELP|TYPE) \S+ .+|[a-z_]+(\{[^}]*\})? -?[0-9.e+-]+|[a-z_]+(\{[^}]*\})? \+Inf)$/);
  });
});

describe('a client that goes away', () => {
  test('in the modern revision cancels the call that it waited for', async () => {
    const gone = new AbortController();
    const call = mcp.tool('execute_code', { command: 'sleep 600' }, { signal: gone.signal });
    call.catch(() => {}); // looked at below; until then it is not unhandled
    const id = await until('it to run', async () => {
      const { executions } = await mcp.tool('list_executions', { status: 'running' });
      return executions.find((e) => e.command === 'sleep 600')?.id;
    });
    gone.abort();
    await assert.rejects(call);
    const status = await mcp.ended(id);
    assert.deepEqual([status.status, status.reason], ['cancelled', 'cancelled']);
  });

  test('in older revisions cancels nothing', async () => {
    const old = await new Legacy(server).open();
    const gone = new AbortController();
    const call = old.tool('execute_code', { command: 'sleep 1.2; exit 6' }, { signal: gone.signal });
    const id = await until('it to run', async () => (await old.tool('list_executions')).executions[0]?.id);
    gone.abort();
    await assert.rejects(call);
    assert.equal((await old.ended(id)).exit_code, 6);
  });
});
