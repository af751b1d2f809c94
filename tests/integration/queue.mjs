// How many run at once, who waits, and who comes next.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Legacy, Modern } from './lib/mcp.mjs';
import { useServer } from './lib/server.mjs';
import { until } from './lib/until.mjs';

const statuses = async (mcp, ids) => Promise.all(ids.map(async (id) => (await mcp.status(id)).status));

describe('the global limit', () => {
  test('holds: what comes above it is pending and starts when a place is free', async (t) => {
    const server = await useServer(t, { args: ['--max-concurrent', '2'] });
    const mcp = new Modern(server);
    const ids = [];
    for (let i = 0; i < 4; i++) ids.push(await startNoWait(mcp, 'sleep 600'));
    await until('two to run', async () => (await statuses(mcp, ids)).join() === 'running,running,pending,pending');
    await mcp.cancel(ids[0], { force: true });
    await until('the third to run', async () => (await mcp.status(ids[2])).status === 'running');
    assert.equal((await mcp.status(ids[3])).status, 'pending');
    for (const id of ids) await mcp.cancel(id, { force: true });
  });

  test('is not passed by many starts at once', async (t) => {
    const server = await useServer(t, { args: ['--max-concurrent', '3'] });
    const mcp = new Modern(server);
    const ids = await Promise.all(Array.from({ length: 12 }, () => startNoWait(mcp, 'sleep 600')));
    const running = async () => (await mcp.tool('list_executions', { status: 'running' })).executions.map((e) => e.id);
    for (let ended = 0; ended < ids.length; ended += 3) {
      const three = await until('three to run', async () => {
        const now = await running();
        assert.ok(now.length <= 3, `${now.length} ran at once`);
        return now.length === 3 && now;
      });
      for (const id of three) await mcp.cancel(id, { force: true });
      for (const id of three) await mcp.ended(id);
    }
    assert.deepEqual([...new Set(await statuses(mcp, ids))], ['cancelled']);
  });

  test('lets a pending execution be cancelled before it ever started', async (t) => {
    const server = await useServer(t, { args: ['--max-concurrent', '1'] });
    const mcp = new Modern(server);
    const first = await startNoWait(mcp, 'sleep 600');
    const second = await startNoWait(mcp, 'touch never');
    const r = await mcp.cancel(second);
    assert.equal(r.success, true);
    const s = await mcp.ended(second);
    assert.deepEqual([s.status, s.reason], ['cancelled', 'cancelled']);
    await mcp.cancel(first, { force: true });
  });

  // What runs goes on as it was begun; what waits is not begun in another way than it was asked for.
  for (const [before, now, why] of [['none', 'default', /without a sandbox/], ['default', 'none', /for a sandbox/]])
    test(`what waits when the profile ${before} becomes ${now} is ended, and says why`, async (t) => {
      const profile = (name) => ['--max-concurrent', '1', '--set', `sandbox.profile=${name}`];
      const server = await useServer(t, { args: profile(before) });
      const mcp = new Modern(server);
      const first = await startNoWait(mcp, 'sleep 600');
      const second = await startNoWait(mcp, 'id');
      server.options.args = profile(now);
      await server.restart();
      assert.deepEqual(await statuses(mcp, [first, second]), ['running', 'pending']);
      await mcp.cancel(first, { force: true });
      const s = await mcp.ended(second);
      assert.deepEqual([s.status, s.reason], ['failed', 'spawn_failed']);
      assert.match(s.error_message, why);
      assert.match(s.error_message, /sandbox\.profile.*start it again/);
      assert.equal((await mcp.run('id -u')).exit_code, 0);
    });

  test('serves sessions in turns: one with many does not hold up one with few', async (t) => {
    const server = await useServer(t, { args: ['--max-concurrent', '1', '--max-per-session', '20'] });
    const greedy = await new Legacy(server).open();
    const modest = await new Legacy(server).open();
    const many = [];
    for (let i = 0; i < 10; i++) many.push(await startNoWait(greedy, 'sleep 0.3'));
    await modest.run('true');
    const waiting = (await statuses(greedy, many)).filter((s) => s === 'pending').length;
    assert.ok(waiting >= 6, `${waiting} of the other session still waited`);
  });

  test('refuses when the line is full', async (t) => {
    const config = 'limits:\n  max_concurrent: 1\n  max_pending: 2\n';
    const mcp = new Modern(await useServer(t, { config }));
    const ids = [];
    for (let i = 0; i < 3; i++) ids.push(await startNoWait(mcp, 'sleep 600'));
    assert.match(await mcp.refusal('execute_code_async', { command: 'true' }), /limits\.max_pending|pending/);
    for (const id of ids) await mcp.cancel(id, { force: true });
  });
});

describe('the limit of a session', () => {
  test('holds with the known text, for this session alone, and until one ends', async (t) => {
    const server = await useServer(t, { args: ['--max-per-session', '2'] });
    const mine = await new Legacy(server).open();
    const other = await new Legacy(server).open();
    const ids = [await mine.start('sleep 600'), await mine.start('sleep 600')];
    const text = await mine.refusal('execute_code_async', { command: 'true' });
    assert.match(text, /Maximum 2 concurrent executions per session/);
    await other.run('true');
    await mine.cancel(ids[0], { force: true });
    await mine.ended(ids[0]);
    await mine.run('true');
    await mine.cancel(ids[1], { force: true });
  });

  test('counts requests without a session by principal, when there is one', async (t) => {
    const server = await useServer(t, { args: ['--max-per-session', '1', '--token', 'secret-of-this-test'] });
    const mcp = new Modern(server, { token: 'secret-of-this-test' });
    const id = await mcp.start('sleep 600');
    assert.match(await mcp.refusal('execute_code_async', { command: 'true' }), /Maximum 1 concurrent executions/);
    await mcp.cancel(id, { force: true });
  });

  test('does not hold for requests without session and principal', async (t) => {
    const server = await useServer(t, { args: ['--max-per-session', '1'] });
    const mcp = new Modern(server);
    const ids = [await mcp.start('sleep 600'), await mcp.start('sleep 600')];
    assert.deepEqual(await statuses(mcp, ids), ['running', 'running']);
    for (const id of ids) await mcp.cancel(id, { force: true });
  });
});

// execute_code_async answers also while the execution waits in line.
async function startNoWait(mcp, command) {
  const r = await mcp.tool('execute_code_async', { command });
  assert.ok(['running', 'pending'].includes(r.status), r.status);
  return r.execution_id;
}
