// The keeper is killed: its executions are lost and their trees gone, and a new one is soon at work.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Modern, textOf } from '../integration/lib/mcp.mjs';
import { processesWith } from '../integration/lib/processes.mjs';
import { useServer } from '../integration/lib/server.mjs';
import { elapsedMs, slowness, until } from '../integration/lib/until.mjs';

test('a killed keeper takes its trees along, and a new one works within a second', async (t) => {
  const server = await useServer(t, { args: ['--max-concurrent', '20'] });
  const mcp = new Modern(server);
  const tree = 'echo up; (sleep 11235 & setsid sleep 11235 & sleep 11235) & sleep 11235';
  const ids = [];
  for (let i = 0; i < 10; i++) ids.push(await mcp.start(tree));
  for (const id of ids) await mcp.output(id, { wait_ms: 5000, until: 'up' });
  await until('the trees to stand', () => processesWith('sleep 11235').length >= 40);
  const keeper = server.keeperPid();

  process.kill(keeper, 'SIGKILL');
  const ms = await elapsedMs(async () => {
    await until('a new keeper to run a command', () => mcp.run('true').catch(() => null));
  });
  assert.ok(ms < 1500 * slowness, `${ms} ms`);
  assert.notEqual(server.keeperPid(), keeper);

  for (const id of ids) {
    const s = await mcp.ended(id);
    assert.deepEqual([s.status, s.reason], ['lost', 'lost']);
    assert.equal(textOf((await mcp.output(id)).output), 'up\n');
  }
  await until('all processes of the old keeper to end', () => processesWith('sleep 11235').length === 0);
});

test('a keeper killed ten times in a row is replaced ten times', async (t) => {
  const server = await useServer(t);
  const mcp = new Modern(server);
  for (let i = 0; i < 10; i++) {
    const keeper = await until('a keeper', () => server.keeperPid());
    process.kill(keeper, 'SIGKILL');
    await until('another keeper', () => ![undefined, keeper].includes(server.keeperPid()));
    const r = await until('it to run a command', () => mcp.run(`exit ${i}`).catch(() => null), 15_000);
    assert.equal(r.exit_code, i);
  }
});

test('a keeper that hangs is not waited for for ever', async (t) => {
  const server = await useServer(t);
  const mcp = new Modern(server);
  const keeper = server.keeperPid();
  process.kill(keeper, 'SIGSTOP');
  t.after(() => {
    try {
      process.kill(keeper, 'SIGCONT');
    } catch {
      // it was replaced
    }
  });
  const result = await mcp.call('execute_code_async', { command: 'echo late' });
  process.kill(keeper, 'SIGCONT');
  if (!result.isError) {
    const s = await mcp.ended(result.structuredContent.execution_id);
    assert.equal(s.status, 'completed');
  }
  assert.equal((await mcp.run('true')).exit_code, 0);
});
