// mcp-execd --stdio: official clients, lines by hand, and ends of every kind.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import * as v2 from '@modelcontextprotocol/client';
import { StdioClientTransport as Stdio2 } from '@modelcontextprotocol/client/stdio';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as Stdio1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ElicitRequestSchema, ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { LEGACY, textOf } from './lib/mcp.mjs';
import { isAlive, processesWith } from './lib/processes.mjs';
import { program } from './lib/server.mjs';
import { Place, Stdio } from './lib/stdio.mjs';
import { watchTransport } from './lib/traffic.mjs';
import { until, within } from './lib/until.mjs';

function linkOf(path) {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // closed meanwhile
  }
}

// A command like no other: in a sandbox nothing else tells whose it is.
const nap = `sleep 600.${process.pid}`;

const info = { name: 'integration-test', version: '1' };
const how = (place, args = []) => ({ command: program, args: ['--stdio', ...args], env: place.env, cwd: place.dir, stderr: 'ignore' });

const kinds = [
  {
    name: 'SDK 1',
    client: (options) => new Client1(info, options),
    transport: (...place) => watchTransport(new Stdio1(how(...place))),
    elicit: ElicitRequestSchema,
  },
  ...[
    ['SDK 2, legacy', 'legacy'],
    ['SDK 2, auto', 'auto'],
    ['SDK 2, pinned to 2026-07-28', { pin: '2026-07-28' }],
  ].map(([name, mode]) => ({
    name,
    client: (options) => new v2.Client(info, { versionNegotiation: { mode }, ...options }),
    transport: (...place) => watchTransport(new Stdio2(how(...place))),
    elicit: 'elicitation/create',
  })),
];

describe('an official client:', () => {
  for (const { name, client: make, transport } of kinds)
    test(name, async (t) => {
      const place = new Place(t);
      const client = make();
      place.clients.push(client);
      await client.connect(transport(place));
      const tool = async (name, args) => (await client.callTool({ name, arguments: args })).structuredContent;
      assert.ok((await client.listTools()).tools.some((tool) => tool.name === 'execute_code'));
      assert.equal((await tool('execute_code', { command: 'exit 3' })).exit_code, 3);
      const { execution_id } = await tool('execute_code_async', {
        command: `read x; echo "got $x"; ${nap}`,
        interactive: true,
      });
      assert.equal((await tool('send_stdin', { execution_id, input_data: 'it' })).success, true);
      const page = await tool('get_execution_output', { execution_id, until: 'got', wait_ms: 10_000 });
      assert.match(textOf(page.output), /got it/);
      assert.ok(processesWith(place.dir).length > 1);
      await within('closing', 10_000, client.close());
      await place.gone();
      await until('the command to end', () => processesWith(nap).length === 0);
    });

  // A request of the server in the older revisions, an answer that asks for more in the newest.
  for (const { name, client: make, transport, elicit } of kinds)
    test(`${name}: its user is asked`, async (t) => {
      const place = new Place(t);
      const client = make({ capabilities: { elicitation: {} } });
      let asked = 0;
      client.setRequestHandler(elicit, async () => ({ action: 'accept', content: { confirm: ++asked > 0 } }));
      place.clients.push(client);
      await client.connect(transport(place, ['--set', 'confirm.commands=["^echo dangerous"]']));
      const call = { name: 'execute_code', arguments: { command: 'echo dangerous' } };
      assert.equal(textOf((await client.callTool(call)).structuredContent.output), 'dangerous\n');
      assert.equal(asked, 1);
    });

  test('is told what it subscribed to', async (t) => {
    const place = new Place(t);
    const client = new Client1(info);
    place.clients.push(client);
    await client.connect(kinds[0].transport(place));
    const updated = [];
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => updated.push(params.uri));
    const { structuredContent } = await client.callTool({
      name: 'execute_code_async',
      arguments: { command: 'read x; echo done', interactive: true },
    });
    const { execution_id } = structuredContent;
    const uri = `exec://${execution_id}/output`;
    await client.callTool({ name: 'get_execution_output', arguments: { execution_id, wait: true } });
    await client.subscribeResource({ uri });
    await client.callTool({
      name: 'send_stdin',
      arguments: { execution_id, input_data: 'x' },
    });
    await until('the notification', () => updated.includes(uri));
  });
});

describe('by hand:', () => {
  for (const revision of LEGACY)
    test(revision, async (t) => {
      const server = new Stdio(new Place(t));
      assert.equal((await server.initialize(revision)).protocolVersion, revision);
      const { result } = await server.request('tools/call', {
        name: 'execute_code',
        arguments: { command: 'echo x' },
      });
      assert.match(result.content[0].text, /"exit_code":0/);
      assert.deepEqual((await server.request('ping')).result, {});
      assert.deepEqual(await server.close(), { code: 0, signal: null });
    });

  test('both eras in one connection', async (t) => {
    const server = new Stdio(new Place(t));
    await server.initialize();
    assert.ok((await server.modern('server/discover', {})).result.supportedVersions);
    const { execution_id } = await server.tool('execute_code', { command: 'true' });
    const { result } = await server.request('tools/call', {
      name: 'get_execution_status',
      arguments: { execution_id },
    });
    assert.equal(result.structuredContent.status, 'completed');
    await server.close();
  });

  test('a request without initialize is refused with its id', async (t) => {
    const server = new Stdio(new Place(t));
    const { error } = await server.request('tools/list', {}, 'first');
    assert.match(error.message, /initialize first/);
    await server.close();
  });

  test('a cancelled call ends its command', async (t) => {
    const place = new Place(t);
    const server = new Stdio(place);
    server.send({
      jsonrpc: '2.0',
      id: 'long',
      method: 'tools/call',
      params: server.envelope({ name: 'execute_code', arguments: { command: nap } }),
    });
    await until('the command', () => processesWith(nap).length > 0);
    server.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'long' } });
    await until('its end', () => processesWith(nap).length === 0);
    assert.equal(server.lines.length, 0);
    await server.close();
  });

  test('a subscription is acknowledged, told of changes, and ended', async (t) => {
    const server = new Stdio(new Place(t));
    const { execution_id } = await server.tool('execute_code_async', {
      command: 'read x; echo done',
      interactive: true,
    });
    await server.tool('get_execution_output', { execution_id, wait: true }); // until it waits for input
    const uri = `exec://${execution_id}/output`;
    server.send({
      jsonrpc: '2.0',
      id: 'sub',
      method: 'subscriptions/listen',
      params: server.envelope({ notifications: { resourceSubscriptions: [uri] } }),
    });
    const first = await server.next('the acknowledgement', () => true);
    assert.equal(first.method, 'notifications/subscriptions/acknowledged');
    const isUpdate = (m) => m.method === 'notifications/resources/updated';
    await server.next('how it stands', isUpdate);
    await server.tool('send_stdin', { execution_id, input_data: 'x' });
    await server.next('the update', isUpdate);
    server.process.stdin.end();
    await server.next('the result', (m) => m.id === 'sub' && m.result);
    await server.next('the end', (m) => m.method === 'notifications/cancelled' && m.params.requestId === 'sub');
    assert.equal((await server.exit).code, 0);
  });

  test('garbage and lines that are too long are answered, and the next one is served', async (t) => {
    const server = new Stdio(new Place(t), ['--set', 'server.max_body=64KiB']);
    server.send('garbage\n\n{"jsonrpc":"2.0"}\n[]\n\0\n');
    for (const code of [-32700, -32600, -32600, -32700])
      await server.next(`${code}`, (m) => m.error?.code === code && m.id === undefined);
    server.send(`${'x'.repeat(10_000_000)}\n`);
    const { error } = await server.next('the refusal', (m) => m.error);
    assert.match(error.message, /longer than 65536 bytes \(server.max_body\)/);
    assert.equal((await server.tool('execute_code', { command: 'true' })).exit_code, 0);
    await server.close();
  });

  test('no port is opened and no file is written where it was started', async (t) => {
    const place = new Place(t);
    const server = new Stdio(place);
    await server.tool('execute_code', { command: 'true' });
    const listening = new Set(
      ['tcp', 'tcp6']
        .flatMap((name) => readFileSync(`/proc/${server.pid}/net/${name}`, 'utf8').split('\n').slice(1))
        .map((line) => line.trim().split(/\s+/))
        .filter((fields) => fields[3] === '0A') // TCP_LISTEN
        .map((fields) => `socket:[${fields[9]}]`),
    );
    const open = readdirSync(`/proc/${server.pid}/fd`).map((fd) => linkOf(`/proc/${server.pid}/fd/${fd}`));
    assert.ok(open.length > 5);
    assert.deepEqual(open.filter((name) => listening.has(name)), []);
    await server.close();
    assert.deepEqual(place.left(), []);
  });
});

describe('the end:', () => {
  test('of input, after requests that were sent at once', async (t) => {
    const server = new Stdio(new Place(t));
    server.send({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: server.envelope({ name: 'execute_code', arguments: { command: 'echo out' } }),
    });
    server.process.stdin.end();
    const { result } = await server.next('the answer', (m) => m.id === 1);
    assert.equal(textOf(result.structuredContent.output), 'out\n');
    assert.deepEqual(await server.exit, { code: 0, signal: null });
  });

  test('of input, in the middle of a message', async (t) => {
    const server = new Stdio(new Place(t));
    server.send('{"jsonrpc":"2.0","id":1,"met');
    server.process.stdin.end();
    assert.equal((await server.next('the error', () => true)).error.code, -32700);
    assert.equal((await server.exit).code, 0);
  });

  test('of input, while commands run', async (t) => {
    const place = new Place(t);
    const server = new Stdio(place);
    await server.tool('execute_code_async', { command: `setsid ${nap} & trap "" TERM; while :; do sleep 1; done` });
    await within('ending', 15_000, server.close());
    await place.gone();
    assert.deepEqual(processesWith(nap), []);
  });

  for (const signal of ['SIGTERM', 'SIGINT'])
    test(`by ${signal}`, async (t) => {
      const place = new Place(t);
      const server = new Stdio(place);
      await server.tool('execute_code_async', { command: nap });
      server.process.kill(signal);
      assert.deepEqual(await server.exit, { code: 0, signal: null });
      await place.gone();
      assert.deepEqual(processesWith(nap), []);
    });

  test('by SIGKILL: the keeper ends what runs, the next server tidies up', async (t) => {
    const place = new Place(t);
    const server = new Stdio(place);
    await server.tool('execute_code_async', { command: nap });
    await until('the command', () => processesWith(nap).length > 0);
    const processes = [...processesWith(place.dir), ...processesWith(nap)];
    server.process.kill('SIGKILL');
    await server.exit;
    await until('all processes to end', () => processes.every(({ pid }) => !isAlive(pid)));
    assert.equal(place.left().length, 1); // its directory
    const next = new Stdio(place);
    await next.tool('execute_code', { command: 'true' });
    assert.equal(place.left().filter((name) => name.startsWith('mcp-execd-stdio-')).length, 1);
    await next.close();
  });

  test('of a client that does not read any more', async (t) => {
    const place = new Place(t);
    const server = new Stdio(place);
    await server.tool('execute_code_async', { command: nap });
    server.process.stdout.destroy();
    server.send({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: server.envelope({}) });
    assert.equal((await server.exit).code, 0);
    await place.gone();
  });
});

test('a client that reads late loses nothing and costs little', async (t) => {
  const server = new Stdio(new Place(t));
  const count = 2000;
  await server.tool('execute_code', { command: 'true' });
  server.process.stdout.pause();
  const message = (id) => ({ jsonrpc: '2.0', id, method: 'tools/list', params: server.envelope({}) });
  const line = (id) => {
    server.conversation.sent(message(id));
    return `${JSON.stringify(message(id))}\n`;
  };
  const flooded = new Promise((done) =>
    server.process.stdin.write(Array.from({ length: count }, (_, i) => line(`n${i}`)).join(''), done),
  );
  const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))[1]);
  // It reads no more when so much is unread.
  let seen = { length: -1, since: 0 };
  await until('it to wait for us', () => {
    const length = server.process.stdin.writableLength;
    if (length !== seen.length) seen = { length, since: performance.now() };
    return length > 0 && performance.now() - seen.since > 300;
  });
  assert.ok(rss() < 100_000 || /-(asan|tsan)\//.test(program), `${rss()} kB`);
  assert.equal(server.lines.length, 0);
  server.process.stdout.resume();
  await flooded;
  await until('all answers', () => server.lines.length === count, 60_000);
  assert.deepEqual(
    server.lines.map((m) => m.id),
    Array.from({ length: count }, (_, i) => `n${i}`),
  );
  await server.close();
});

test('several clients of one user do not meet', async (t) => {
  const place = new Place(t);
  const servers = Array.from({ length: 4 }, () => new Stdio(place));
  const outputs = await Promise.all(
    servers.map(async (server, i) => (await server.tool('execute_code', { command: `echo ${i}` })).output),
  );
  assert.deepEqual(outputs.map((output) => textOf(output)), ['0\n', '1\n', '2\n', '3\n']);
  await Promise.all(servers.map((server) => server.close()));
});

test('a state directory that is named stays, with what it holds', async (t) => {
  const place = new Place(t);
  const args = ['--state-dir', join(place.dir, 'kept')];
  const server = new Stdio(place, args);
  const { execution_id } = await server.tool('execute_code', { command: 'echo kept' });
  await server.close();
  const next = new Stdio(place, args);
  const page = await next.tool('get_execution_output', { execution_id });
  assert.equal(textOf(page.output), 'kept\n');
  await next.close();
});
