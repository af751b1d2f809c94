// Tasks and streams of several replicas over one Redis: whoever is asked knows the task at once, is told
// of it, and passes on what it is answered; through nginx with one of them killed.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Cluster, useCluster } from './lib/cluster.mjs';
import { listen, openGet } from './lib/listen.mjs';
import { Legacy, Modern, textOf } from './lib/mcp.mjs';
import { hasNginx } from './lib/nginx.mjs';
import { hasRedis } from './lib/redis.mjs';
import { connectTasks } from './lib/tasks.mjs';
import { until } from './lib/until.mjs';

assert.ok(hasRedis && hasNginx, 'redis-server or nginx is not installed: run scripts/setup test');

const TASKS = 'io.modelcontextprotocol/tasks';
const meta = { 'io.modelcontextprotocol/clientCapabilities': { elicitation: {}, extensions: { [TASKS]: {} } } };
const args = [
  ...['--max-concurrent', '50', '--max-per-session', '50'],
  ...['tasks.sync_wait=200ms', 'tasks.poll_interval=50ms', 'server.update_interval=50ms'].flatMap((s) => ['--set', s]),
];
const config = 'redis:\n  heartbeat_ttl: 1500ms\n  grace: 1s\n  command_timeout: 5s\n';

const ask = async (caller, method, params) => {
  const { result, error } = await caller.request(method, params, { meta });
  return error ?? result;
};
const get = (caller, taskId) => ask(caller, 'tasks/get', { taskId });
async function create(caller, command, more) {
  const params = { name: 'execute_code', arguments: { command, wait_seconds: 0, ...more } };
  const result = await ask(caller, 'tools/call', params);
  assert.equal(result.resultType, 'task', JSON.stringify(result));
  return result.taskId;
}
const reaches = (caller, taskId, status) =>
  until(`the task to be ${status}`, async () => {
    const now = await get(caller, taskId);
    return now.status === status && now;
  }, 20_000);

describe('three replicas', () => {
  let cluster, a, b, c;
  before(async () => {
    cluster = await new Cluster({ nginx: false, args, config }).start();
    [a, b, c] = cluster.all().map((server) => new Modern(server));
  });
  after(() => cluster.stop());

  test('a task is known everywhere as soon as it is told', async () => {
    for (let i = 0; i < 10; i++) {
      const taskId = await create(a, 'sleep 60');
      const all = await Promise.all([a, b, c].map((caller) => get(caller, taskId)));
      for (const one of all) {
        assert.equal(one.status, 'working', JSON.stringify(one));
        assert.equal(one.createdAt, all[0].createdAt);
      }
      await ask(b, 'tasks/cancel', { taskId });
      await reaches(c, taskId, 'cancelled');
    }
  });

  test('its result is the same everywhere, shaped as the call asked for', async () => {
    const taskId = await create(a, 'seq 1 500; exit 4', { output: { format: 'text', tail_lines: 2 } });
    const ends = [];
    for (const caller of [c, a, b]) ends.push(await reaches(caller, taskId, 'completed'));
    for (const { result, ttlMs, lastUpdatedAt } of ends) {
      assert.match(result.content[0].text, /499\n500\n\[/);
      assert.ok(!result.content[0].text.includes('\n497\n'));
      assert.equal(result.structuredContent.exit_code, 4);
      assert.deepEqual([ttlMs, lastUpdatedAt], [ends[0].ttlMs, ends[0].lastUpdatedAt]);
    }
  });

  test('streams at another replica are told of output, status and the task', async () => {
    const taskId = await create(a, 'read a; echo one; read b; echo two', { interactive: true });
    const [output, status] = [`exec://${taskId}/output`, `exec://${taskId}/status`];
    const stream = await listen(b, { taskIds: [taskId], resourceSubscriptions: [output, status] }, { meta });
    assert.deepEqual(stream.ack.params.notifications, { resourceSubscriptions: [output, status], taskIds: [taskId] });
    let from = stream.messages.length;
    await a.stdin(taskId, 'x');
    await stream.next('the output', (m) => m.params?.uri === output, from);
    from = stream.messages.length;
    await a.stdin(taskId, 'y');
    const end = await stream.next('the end', (m) => m.params?.status === 'completed', from);
    assert.equal(textOf(end.params.result.structuredContent.output), 'one\ntwo\n');
    await stream.next('the status', (m) => m.params?.uri === status, from);
    await stream.close();
  });

  test('a list that grew elsewhere is told of', async () => {
    const stream = await listen(c, { resourcesListChanged: true }, { meta });
    await a.run('true');
    await stream.next('the change', (m) => m.method === 'notifications/resources/list_changed');
    await stream.close();
  });

  test('a session follows what runs elsewhere on its GET stream', async () => {
    const legacy = await new Legacy(c.server).open();
    const stream = await openGet(legacy);
    const id = await a.start('read a; echo hello', { interactive: true });
    await legacy.request('resources/subscribe', { uri: `exec://${id}/output` });
    await a.stdin(id, 'x');
    await stream.next('the update', (m) => m.params?.uri === `exec://${id}/output`);
    await stream.close();
    await legacy.close();
  });

  test('a question is seen everywhere and answered anywhere, once', async () => {
    const taskId = await create(a, 'printf "Name? "; read a; printf "Age? "; read b; echo "<$a,$b>"', {
      interactive: true,
    });
    const asked = await reaches(b, taskId, 'input_required');
    const [[key, request]] = Object.entries(asked.inputRequests);
    assert.match(request.params.message, /Name\?/);
    assert.deepEqual(Object.keys((await reaches(c, taskId, 'input_required')).inputRequests), [key]);
    const answer = (k, input) => ({ taskId, inputResponses: { [k]: { action: 'accept', content: { input } } } });
    await ask(c, 'tasks/update', answer(key, 'Ada'));
    const after = await get(c, taskId);
    assert.ok(!(key in (after.inputRequests ?? {})), JSON.stringify(after));
    await ask(b, 'tasks/update', answer(key, 'Bob')); /* too late, and not asked any more */
    const next = await until('the next question', async () => {
      const now = await get(b, taskId);
      return Object.keys(now.inputRequests ?? {}).find((k) => k !== key);
    });
    await ask(b, 'tasks/update', answer(next, '36'));
    const end = await reaches(c, taskId, 'completed');
    assert.match(textOf(end.result.structuredContent.output), /<Ada,36>/);
  });
});

describe('through nginx', () => {
  test('a replica that is killed takes its own tasks only', async (t) => {
    const cluster = await useCluster(t, { args, config });
    const mcp = new Modern(cluster);
    const { session, close } = await connectTasks(cluster, '2026-07-28');
    const byOwner = {};
    await until('a task on each replica', async () => {
      const execution = await session.callTool('execute_code', { command: 'sleep 8; echo survived', wait_seconds: 0 });
      const owner = execution.handle.taskId.split('-')[0];
      if (byOwner[owner]) await execution.cancel();
      byOwner[owner] ??= execution;
      return Object.keys(byOwner).length === 3;
    });
    const victim = cluster.servers.r1;
    const keeper = victim.keeperPid();
    await victim.kill();
    process.kill(keeper, 'SIGKILL'); /* the machine is gone, not the server alone */
    for (const name of ['r2', 'r3']) {
      const { outcome } = await byOwner[name].settle();
      assert.equal(outcome.status, 'completed', JSON.stringify(outcome));
      assert.equal(textOf(outcome.result.structuredContent.output), 'survived\n');
    }
    const lost = await reaches(mcp, byOwner.r1.handle.taskId, 'failed');
    assert.equal(lost.error.code, -32603);
    assert.equal((await byOwner.r1.settle()).outcome.status, 'failed');
    const taskId = await create(mcp, 'echo after');
    const stream = await listen(mcp, { taskIds: [taskId] }, { meta });
    await stream.next('the end', (m) => m.params?.status === 'completed');
    await stream.close();
    await close();
    cluster.servers.r1 = null;
    await victim.stop();
  });
});
