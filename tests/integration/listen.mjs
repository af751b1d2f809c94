// Streams that follow executions: subscriptions/listen of 2026-07-28, and resources/subscribe with the
// GET stream of the revisions before.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { listen, openGet } from './lib/listen.mjs';
import { LEGACY, Modern, Legacy, textOf } from './lib/mcp.mjs';
import { useServer } from './lib/server.mjs';
import { until } from './lib/until.mjs';

const TASKS = 'io.modelcontextprotocol/tasks';
const meta = { 'io.modelcontextprotocol/clientCapabilities': { extensions: { [TASKS]: {} } } };
const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';
const UNKNOWN = 'none-aaaaaaaaaaaaaaaaaaaaaaaaaa';
const INTERVAL_MS = 250;

const args = ['--max-concurrent', '20', '--set', `server.update_interval=${INTERVAL_MS}ms`];
const server = await useServer(null, { args: [...args, '--set', 'server.heartbeat=100ms'] });
const mcp = new Modern(server);
const output = (id) => `exec://${id}/output`;
const updates = (stream, uri) =>
  stream.of('notifications/resources/updated').filter((m) => m.params.uri === uri);

describe('subscriptions/listen', () => {
  test('acknowledges what is known and the own, says how things stand, then what changes', async () => {
    const id = await mcp.start('read a; echo done', { interactive: true });
    const asked = {
      taskIds: [id, UNKNOWN, id],
      resourceSubscriptions: [
        ...[output(id), output(UNKNOWN), `${output(id)}?stream=stdout`],
        ...[`exec://${id}/files/x`, 'file:///etc/passwd'],
      ],
      toolsListChanged: true,
    };
    const stream = await listen(mcp, asked, { meta });
    const { notifications, _meta } = stream.ack.params;
    assert.deepEqual(notifications, { resourceSubscriptions: [output(id)], taskIds: [id] });
    assert.deepEqual(_meta, { [SUBSCRIPTION]: stream.id });
    const first = await stream.next('the task', (m) => m.method === 'notifications/tasks');
    assert.equal(first.params.taskId, id);
    assert.equal(first.params.status, 'working');
    assert.equal(first.params.resultType, undefined);
    assert.equal(first.params._meta[SUBSCRIPTION], stream.id);
    assert.equal(updates(stream, output(id)).length, 1);

    const from = stream.messages.length;
    await mcp.stdin(id, 'go');
    const last = await stream.next('the end', (m) => m.params?.status === 'completed', from);
    assert.equal(last.params.result.resultType, 'complete');
    assert.equal(textOf(last.params.result.structuredContent.output), 'done\n');
    await stream.next('the output', (m) => m.params?.uri === output(id), from);
    await stream.close();
  });

  test('tells of output as often as it may, and in the end of all of it', async () => {
    const id = await mcp.start('for i in $(seq 40); do echo $i; sleep 0.05; done; read a', { interactive: true });
    const stream = await listen(mcp, { resourceSubscriptions: [output(id)] });
    const begun = performance.now();
    await mcp.output(id, { until: '^40', wait_ms: 30_000 });
    const seen = updates(stream, output(id)).length;
    const most = 3 + (performance.now() - begun) / INTERVAL_MS;
    assert.ok(seen >= 2 && seen <= most, `${seen} updates, at most ${most}`);
    // The last growth is told too, although nothing comes after it.
    const from = stream.messages.length;
    await mcp.stdin(id, 'end');
    await stream.next('the end', (m) => m.params?.uri === output(id), from);
    await stream.close();
  });

  test('a status that is followed is told of, output is not', async () => {
    const uri = (id) => `exec://${id}/status`;
    const id = await mcp.start('echo one; read a; echo two; read b', { interactive: true });
    await mcp.output(id, { until: 'one', wait_ms: 10_000 });
    const stream = await listen(mcp, { resourceSubscriptions: [uri(id)] });
    await stream.next('how things stand', (m) => m.params?.uri === uri(id));
    const from = stream.messages.length;
    await mcp.cancel(id);
    await stream.next('the end', (m) => m.params?.uri === uri(id), from);
    assert.equal(stream.of('notifications/resources/updated').every((m) => m.params.uri === uri(id)), true);
    await stream.close();
  });

  test('tells that the list of resources changed, but not every time', async () => {
    const stream = await listen(mcp, { resourcesListChanged: true });
    assert.deepEqual(stream.ack.params.notifications, { resourcesListChanged: true });
    for (let i = 0; i < 5; i++) await mcp.run('true');
    await stream.next('the change', (m) => m.method === 'notifications/resources/list_changed');
    const { length } = stream.of('notifications/resources/list_changed');
    assert.ok(length <= 4, `${length} for five`);
    await stream.close();
    const { result } = await mcp.request('server/discover');
    assert.equal(result.capabilities.resources.listChanged, true);
    const legacy = await new Legacy(server).open();
    assert.equal(legacy.initialized.capabilities.resources.listChanged, undefined);
    await legacy.close();
  });

  test('a task without the extension is refused, and so is what is malformed', async () => {
    const bare = await mcp.request('subscriptions/listen', { notifications: { taskIds: [] } });
    assert.equal(bare.status, 400);
    assert.equal(bare.error.code, -32021);
    for (const notifications of [undefined, [], { taskIds: 'x' }, { resourceSubscriptions: [1] }]) {
      const { error } = await mcp.request('subscriptions/listen', { notifications }, { meta });
      assert.equal(error.code, -32602);
    }
  });

  test('of many ids the first are followed', async () => {
    const id = await mcp.start('sleep 64');
    const taskIds = [...Array.from({ length: 200 }, () => UNKNOWN), id];
    const stream = await listen(mcp, { taskIds }, { meta });
    assert.deepEqual(stream.ack.params.notifications, { taskIds: [] });
    await stream.close();
    await mcp.cancel(id);
  });

  test('an idle stream carries comments', async () => {
    const message = mcp.message('subscriptions/listen', { notifications: {} });
    const abort = new AbortController();
    const response = await fetch(server.endpoint, {
      method: 'POST',
      headers: { ...mcp.headers, ...mcp.headersOf(message) },
      body: JSON.stringify(message),
      signal: abort.signal,
    });
    assert.equal(response.headers.get('x-accel-buffering'), 'no');
    let text = '';
    for await (const chunk of response.body) {
      text += Buffer.from(chunk).toString();
      if (/^:/m.test(text)) break;
    }
    abort.abort();
  });

  test('ends with its result when the server goes', async (t) => {
    const own = await useServer(t, { args });
    const other = new Modern(own);
    const stream = await listen(other, {}, { meta });
    own.signal('SIGTERM');
    const result = await stream.next('the result', (m) => m.id === stream.id);
    assert.deepEqual(result.result.resultType, 'complete');
    assert.equal(result.result._meta[SUBSCRIPTION], stream.id);
    await stream.done;
    assert.equal(stream.error, undefined);
    await own.exit;
  });

  test('many streams may follow one task', async () => {
    const id = await mcp.start('read a', { interactive: true });
    const streams = await Promise.all(
      Array.from({ length: 20 }, () => listen(mcp, { taskIds: [id] }, { meta })),
    );
    await streams[0].close();
    await mcp.stdin(id, 'go');
    for (const stream of streams.slice(1)) {
      await stream.next('the end', (m) => m.params?.status === 'completed');
      await stream.close();
    }
  });
});

describe('resources/subscribe', () => {
  for (const revision of LEGACY.slice(1)) {
    test(`is told on the GET stream in ${revision}`, async () => {
      const legacy = await new Legacy(server, { revision }).open();
      const stream = await openGet(legacy);
      const id = await mcp.start('read a; echo hello', { interactive: true });
      const reply = await legacy.request('resources/subscribe', { uri: output(id) });
      assert.deepEqual(reply.result, {});
      await mcp.stdin(id, 'x');
      const update = await stream.next('the update', (m) => m.params?.uri === output(id));
      assert.deepEqual(update, {
        jsonrpc: '2.0',
        method: 'notifications/resources/updated',
        params: { uri: output(id) },
      });
      await legacy.request('resources/unsubscribe', { uri: output(id) });
      await stream.close();
      await legacy.close();
    });
  }

  test('what does not tell when it changes is refused', async () => {
    const legacy = await new Legacy(server).open();
    const id = await mcp.start('sleep 600');
    for (const uri of [`exec://${id}/files/x`, `${output(id)}?offset=0`, output(UNKNOWN), 'exec://help']) {
      const { error } = await legacy.request('resources/subscribe', { uri });
      assert.deepEqual([error.code, error.data], [-32002, { uri }], uri);
      assert.match(error.message, /not one that tells when it changes/);
    }
    await legacy.close();
    await mcp.tool('cancel_execution', { execution_id: id });
  });

  test('nothing is told of what is no longer subscribed to', async () => {
    const legacy = await new Legacy(server).open();
    const stream = await openGet(legacy);
    const start = () => mcp.start('read a; echo hello', { interactive: true });
    const [one, two] = [await start(), await start()];
    for (const id of [one, two]) await legacy.request('resources/subscribe', { uri: output(id) });
    await legacy.request('resources/unsubscribe', { uri: output(one) });
    for (const id of [one, two]) {
      await mcp.stdin(id, 'x');
      await mcp.ended(id);
    }
    await stream.next('the update', (m) => m.params?.uri === output(two));
    assert.equal(updates(stream, output(one)).length, 0);
    await stream.close();
    await legacy.close();
  });
});
